"""A guard: a value that is shown asks no database, and comes to an end."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

# How often a `repr` may log a value whose `repr` logs, and so on.
MAX_NESTED = 2

_shown = threading.local()


class Refused(Exception):
    """What a value may not do while it is shown."""


@contextmanager
def guard() -> Iterator[None]:
    """Let the queries of this thread raise `Refused`, and nesting as well."""
    nested = getattr(_shown, "nested", 0)
    if nested >= MAX_NESTED:
        raise Refused("To show a value logs the value.")
    _shown.nested = nested + 1
    try:
        with ExitStack() as stack:
            for connection in _connections():
                stack.enter_context(connection.execute_wrapper(_refuse))
            yield
    finally:
        _shown.nested = nested


def _refuse(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
    if getattr(_shown, "nested", 0):
        raise Refused("To show a value asks the database.")
    # Another thread's query, on a connection that live tests share.
    return execute(sql, *args)


def _connections() -> Sequence[BaseDatabaseWrapper]:
    try:
        return connections.all()
    except ImproperlyConfigured:
        return []
