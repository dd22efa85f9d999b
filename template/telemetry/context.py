"""The context of a unit of work: structlog's, in a steady order."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar, copy_context
from typing import Any

from structlog.contextvars import (
    STRUCTLOG_KEY_PREFIX,
    bind_contextvars,
    reset_contextvars,
    unbind_contextvars,
)


class Scope:
    """One request, connection or task: binds fields until `exit`.

    `refresh` runs before the context is read, for a field that somebody else
    may have decided in the meantime.
    """

    __slots__ = ("_before", "_entered", "_tokens", "fields", "refresh")

    def __init__(
        self,
        fields: Mapping[str, Any],
        refresh: Callable[[], None] | None = None,
    ) -> None:
        self._before = current()
        self._tokens = bind_contextvars(**fields)
        self._entered = _scope.set(self)
        self.fields = dict(fields)
        self.refresh = refresh

    def rebind(self, fields: Mapping[str, Any]) -> None:
        """Bind `fields` in place of the scope's own."""
        gone = self.fields.keys() - fields.keys()
        if gone:
            unbind_contextvars(*gone)
        bind_contextvars(**fields)
        self.fields = dict(fields)

    def exit(self) -> None:
        """Make the context exactly what it was before the scope."""
        _scope.reset(self._entered)
        reset_contextvars(**self._tokens)
        leftover = _bound().keys() - self._before.keys()
        if leftover:
            unbind_contextvars(*leftover)
        if self._before:
            bind_contextvars(**self._before)


def current() -> dict[str, Any]:
    """Return what is bound now, the innermost scope's fields first."""
    scope = _scope.get()
    if scope is None:
        return _bound()
    if scope.refresh is not None:
        scope.refresh()
    # structlog's store has no order, the scope has.
    fields = scope.fields.copy()
    for variable, value in copy_context().items():
        if key := _KEYS.get(variable) or _learn(variable):
            if value is not ...:
                fields[key] = value
            else:
                fields.pop(key, None)
    return fields


_scope: ContextVar[Scope | None] = ContextVar("telemetry_scope", default=None)

_KEYS: dict[ContextVar[Any], str] = {}


def _bound() -> dict[str, Any]:
    """What structlog holds, without what it marks as unbound."""
    fields = {}
    for variable, value in copy_context().items():
        key = _KEYS.get(variable) or _learn(variable)
        if key and value is not ...:
            fields[key] = value
    return fields


def _learn(variable: ContextVar[Any]) -> str:
    """Remember the key of a variable of structlog's; no key for others."""
    if not variable.name.startswith(STRUCTLOG_KEY_PREFIX):
        return ""
    key = variable.name.removeprefix(STRUCTLOG_KEY_PREFIX)
    _KEYS[variable] = key
    return key
