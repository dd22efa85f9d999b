"""No queries: what is logged is shown without asking the database."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


class QueryRefused(Exception):
    """A value would have had to ask the database to be shown."""


@contextmanager
def no_queries() -> Iterator[None]:
    """Refuse the queries of this thread: they raise `QueryRefused`."""
    with ExitStack() as stack:
        for connection in _connections():
            stack.enter_context(connection.execute_wrapper(_refuse))
        stack.enter_context(_refusing())
        yield


_state = threading.local()


@contextmanager
def _refusing() -> Iterator[None]:
    depth = getattr(_state, "depth", 0)
    _state.depth = depth + 1
    try:
        yield
    finally:
        _state.depth = depth


def _refuse(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
    if getattr(_state, "depth", 0):
        raise QueryRefused("Logging asks no database.")
    # Another thread's query, on a connection that live tests share.
    return execute(sql, *args)


def _connections() -> Sequence[BaseDatabaseWrapper]:
    try:
        return connections.all()
    except ImproperlyConfigured:
        return []
