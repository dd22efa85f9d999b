"""The context of a request, connection or task, in structlog's variables."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any
from uuid import uuid4

from structlog.contextvars import STRUCTLOG_KEY_PREFIX, bind_contextvars

Fields = Mapping[str, Any]

# Functions whose fields are added to each line, after the context.
ENRICHERS: list[Callable[[], Fields]] = []
# Functions whose fields are added to the last line of each scope.
ENDINGS: list[Callable[["Scope"], Fields]] = []

_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._:/=+@-]{1,128}")


class Scope:
    """Binds fields until `exit`, which restores the context.

    `live` is called for each line; its values replace those of `fields`, whose
    order is that of the line. None values of both are left out.
    """

    def __init__(
        self, fields: dict[str, Any], live: Callable[[], Fields] | None = None
    ) -> None:
        self.fields = fields
        self.unset = {key: None for key, value in fields.items() if value is None}
        self.live = live
        # Collected by `add`, `increment` and `timer` for the last line.
        self.extra: dict[str, Any] = {}
        # State of `ENDINGS`, by the name of their module.
        self.data: dict[str, Any] = {}
        self._before = copy_context()
        self._token = _scope.set(self)
        bind_contextvars(**{k: v for k, v in fields.items() if k not in self.unset})

    def ending(self) -> dict[str, Any]:
        """Return the fields of the last line only."""
        for ending in ENDINGS:
            self.extra.update(ending(self))
        return self.extra

    def collect_for(self, scope: "Scope") -> None:
        """Make `add`, `increment` and `timer` collect for the last line of `scope`."""
        self.extra, self.data = scope.extra, scope.data

    def exit(self) -> None:
        """Restore the context exactly as it was before the scope."""
        for variable, value in copy_context().items():
            if _KEYS[variable]:
                before = self._before.get(variable, ...)
                if before is not value:
                    variable.set(before)
        try:
            _scope.reset(self._token)
        except ValueError:  # Entered in a copy of this context.
            _scope.set(None)
        del self._before, self._token  # Else a kept request keeps its context.


def current_scope() -> Scope | None:
    """Return the innermost scope."""
    return _scope.get()


def current() -> dict[str, Any]:
    """Return the context, the fields of the innermost scope first.

    A project's own `clear_contextvars` does not take those away.
    """
    # structlog sets `...` for what is no longer bound.
    fields = {
        _KEYS[variable]: value
        for variable, value in copy_context().items()
        if value is not ...
    }
    fields.pop("", None)  # Variables of others.
    if (scope := _scope.get()) is not None:
        fields = scope.fields | fields
        live = {} if scope.live is None else scope.live()
        for key, value in {**scope.unset, **live}.items():
            if value is not None:
                fields[key] = value
            elif key in live or fields[key] is None:
                fields.pop(key, None)
    return fields


def add(**fields: Any) -> None:
    """Put fields into the last line of the current request, connection or task."""
    if scope := _scope.get():
        scope.extra.update(fields)


def increment(name: str, amount: float = 1) -> None:
    """Add `amount` to a field of the last line."""
    if scope := _scope.get():
        scope.extra[name] = scope.extra.get(name, 0) + amount


@contextmanager
def timer(name: str) -> Iterator[None]:
    """Add the block's milliseconds to `<name>_ms` of the last line.

    Works as a decorator too, and counts a block that raised.
    """
    started = time.perf_counter()
    try:
        yield
    finally:
        milliseconds = (time.perf_counter() - started) * 1000
        if scope := _scope.get():
            total = scope.extra.get(f"{name}_ms", 0) + milliseconds
            scope.extra[f"{name}_ms"] = round(total, 2)


def request_id_from(value: str | None, *, trust: bool) -> str:
    """Return a client's id if it is trusted and well-formed, else a new one."""
    if trust and value and _ACCEPTED_ID.fullmatch(value):
        return value
    return new_request_id()


def new_request_id() -> str:
    return str(uuid4())


class _Keys(dict[ContextVar[Any], str]):
    """The key that structlog keeps in a variable, empty for other variables."""

    def __missing__(self, variable: ContextVar[Any]) -> str:
        is_key = variable.name.startswith(STRUCTLOG_KEY_PREFIX)
        key = variable.name.removeprefix(STRUCTLOG_KEY_PREFIX) if is_key else ""
        return self.setdefault(variable, key)


_KEYS = _Keys()
_scope: ContextVar[Scope | None] = ContextVar("telemetry_scope", default=None)
