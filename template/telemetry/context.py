"""Fields for the last line of the current request, connection or task."""

import threading
import time
from collections.abc import Callable
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from types import TracebackType
from typing import Any, TypeVar

from .internals.scope import Scope, current_scope

__all__ = ["Scope", "add", "increment", "timer"]

F = TypeVar("F", bound=Callable[..., Any])

# Needed because `+=` on a dictionary's item is not atomic between threads.
_counting = threading.Lock()


def add(**fields: Any) -> None:
    """Put fields into the last line; outside of a scope this does nothing."""
    if scope := current_scope():
        scope.added.update(fields)


def increment(name: str, amount: float = 1) -> None:
    """Add `amount` to a field of the last line. Never raises; threads may share it."""
    if scope := current_scope():
        with _counting:
            try:
                scope.counts[name] = scope.counts.get(name, 0) + amount
            except TypeError:  # Such as a Decimal after a float.
                scope.counts[name] = amount


class timer:  # noqa: N801
    """Adds the milliseconds of a block to `<name>_ms` of the last line.

    Works as a decorator too, of functions, coroutine functions and generators.
    A block that raises is counted.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._started: list[float] = []

    def __enter__(self) -> "timer":
        self._started.append(time.perf_counter())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        seconds = time.perf_counter() - self._started.pop()
        increment(f"{self._name}_ms", seconds * 1000)

    def __call__(self, function: F) -> F:
        wrapper: Any

        def call(*args: Any, **kwargs: Any) -> Any:
            with timer(self._name):
                return function(*args, **kwargs)

        async def call_async(*args: Any, **kwargs: Any) -> Any:
            with timer(self._name):
                return await function(*args, **kwargs)

        def generate(*args: Any, **kwargs: Any) -> Any:
            with timer(self._name):
                return (yield from function(*args, **kwargs))

        async def generate_async(*args: Any, **kwargs: Any) -> Any:
            with timer(self._name):
                async for item in function(*args, **kwargs):
                    yield item

        if iscoroutinefunction(function):
            wrapper = call_async
        elif isgeneratorfunction(function):
            wrapper = generate
        elif isasyncgenfunction(function):
            wrapper = generate_async
        else:
            wrapper = call
        return wraps(function)(wrapper)  # type: ignore[return-value]
