"""The context of a unit of work, ordered; `structlog.contextvars` holds it."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar, copy_context
from typing import Any

from structlog.contextvars import STRUCTLOG_KEY_PREFIX, bind_contextvars


class Scope:
    """One request, connection or task: binds fields, `exit` takes all back.

    `refresh` runs before the context is read, for a field that somebody else
    may have decided in the meantime.
    """

    __slots__ = ("_before", "_entered", "_tokens", "fields", "refresh")

    def __init__(
        self,
        fields: Mapping[str, Any],
        refresh: Callable[[], None] | None = None,
    ) -> None:
        self._before = copy_context()
        self._tokens = [_variables[key].set(fields[key]) for key in fields]
        self._entered = _scope.set(self)
        self.fields = dict(fields)
        self.refresh = refresh

    def rebind(self, fields: Mapping[str, Any]) -> None:
        """Bind `fields` in place of the scope's own."""
        for key in self.fields.keys() - fields.keys():
            _variables[key].set(...)
        # No tokens are kept: this may run in a copy of the context, such as
        # that of a thread, and a token is good for its own context alone.
        for key, value in fields.items():
            if self.fields.get(key) is not value:
                _variables[key].set(value)
        self.fields = dict(fields)

    def exit(self) -> None:
        """Make the context exactly what it was before the scope."""
        _scope.reset(self._entered)
        for token in self._tokens:
            token.var.reset(token)
        for variable in copy_context():
            if _keys[variable] and variable not in self._before:
                variable.set(...)
        for variable, value in self._before.items():
            if _keys[variable] and variable.get(...) is not value:
                variable.set(value)


def current() -> dict[str, Any]:
    """Return what is bound now, the innermost scope's fields first."""
    fields: dict[str, Any] = {}
    if scope := _scope.get():
        if scope.refresh is not None:
            scope.refresh()
        # structlog's store has no order, the scope has.
        fields = scope.fields.copy()
    for variable, value in copy_context().items():
        if key := _keys[variable]:
            if value is not ...:
                fields[key] = value
            else:  # structlog's mark for what has been unbound.
                fields.pop(key, None)
    return fields


class _Variables(dict[str, ContextVar[Any]]):
    """The variable in which structlog keeps each key, `...` if unbound.

    Set here they take a quarter of the time of `bind_contextvars`.
    """

    def __missing__(self, key: str) -> ContextVar[Any]:
        token = bind_contextvars(**{key: ...})[key]
        token.var.reset(token)
        self[key] = token.var
        return token.var


class _Keys(dict[ContextVar[Any], str]):
    """The key of each variable of structlog's, nothing for any other."""

    # Some libraries make variables without end.
    MAX = 1_000

    def __missing__(self, variable: ContextVar[Any]) -> str:
        name = variable.name
        is_bound = name.startswith(STRUCTLOG_KEY_PREFIX)
        key = name.removeprefix(STRUCTLOG_KEY_PREFIX) if is_bound else ""
        if len(self) < self.MAX:
            self[variable] = key
        return key


_variables = _Variables()
_keys = _Keys()
_scope: ContextVar[Scope | None] = ContextVar("telemetry_scope", default=None)
