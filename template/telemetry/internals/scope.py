"""The context of a request, connection or task, in structlog's variables."""

import re
from collections.abc import Callable, Mapping
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
    order is that of the line. None values are left out.
    """

    def __init__(
        self, fields: dict[str, Any], live: Callable[[], dict[str, Any]] = dict
    ) -> None:
        self.fields = fields
        self.live = live
        # Collected by `add`, `increment` and `timer` for the last line.
        self.extra: dict[str, Any] = {}
        # State of `ENDINGS`, by the name of their module.
        self.data: dict[str, Any] = {}
        self._before = copy_context()
        self._token = _scope.set(self)
        bind_contextvars(**{k: fields[k] for k in fields if fields[k] is not None})

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
            before = self._before.get(variable, ...)
            if _KEYS[variable] and before is not value:
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
    bound = {
        _KEYS[variable]: value
        for variable, value in copy_context().items()
        if value is not ...  # What structlog sets to unbind a key.
    }
    bound.pop("", None)
    if scope := _scope.get():
        bound = scope.fields | bound | scope.live()
    for key in [key for key, value in bound.items() if value is None]:
        del bound[key]
    return bound


def request_id_from(value: str | None, *, trust: bool) -> str:
    """Return a client's id if it is trusted and well-formed, else a new one."""
    if trust and value and _ACCEPTED_ID.fullmatch(value):
        return value
    return str(uuid4())


class _Keys(dict[ContextVar[Any], str]):
    """The key that structlog keeps in a variable, empty for other variables."""

    def __missing__(self, variable: ContextVar[Any]) -> str:
        _, _, key = variable.name.partition(STRUCTLOG_KEY_PREFIX)
        return self.setdefault(variable, key)


_KEYS = _Keys()
_scope: ContextVar[Scope | None] = ContextVar("telemetry_scope", default=None)
