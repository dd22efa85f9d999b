"""Fields for the last line of the request, connection or task that is going on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .internals.scope import Scope, current_scope

__all__ = ["Scope", "add", "increment", "timer"]


def add(**fields: Any) -> None:
    """Put fields into the last line of the current request, connection or task."""
    if scope := current_scope():
        scope.extra.update(fields)


def increment(name: str, amount: float = 1) -> None:
    """Add `amount` to a field of the last line."""
    if scope := current_scope():
        scope.extra[name] = round(scope.extra.get(name, 0) + amount, 6)


@contextmanager
def timer(name: str) -> Iterator[None]:
    """Add the block's milliseconds to `<name>_ms` of the last line.

    Works as a decorator too, and counts a block that raised.
    """
    started = time.perf_counter()
    try:
        yield
    finally:
        increment(f"{name}_ms", round((time.perf_counter() - started) * 1000, 2))
