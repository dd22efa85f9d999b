"""The context of a unit of work, ordered; `structlog.contextvars` holds it."""

from contextvars import Context, ContextVar, Token, copy_context
from gc import get_referents
from typing import Any

from structlog.contextvars import STRUCTLOG_KEY_PREFIX, bind_contextvars

from .serialization import clean, is_plain

if len(get_referents(copy_context())) == 1:

    def _bindings() -> object:
        """Return the map inside the context, to tell later if it has changed.

        The map itself never does: to set a variable makes another, a copy of
        the context shares it. `==` would ask the values, some of which query.
        """
        return get_referents(copy_context())[0]

else:  # Not in CPython: the context is read for each line.

    def _bindings() -> object:
        return object()


class Scope:
    """One request, connection or task: binds fields, `exit` takes all back.

    Lines need not look at `plain` fields: their values are such as JSON has,
    and nobody changes them.
    """

    snapshot: "_Snapshot | None" = None

    def __init__(
        self,
        fields: dict[str, Any],
        *,
        plain: bool = False,
    ) -> None:
        self._before = copy_context()
        tokens = [_variables[key].set(fields[key]) for key in fields]
        self._tokens: list[Token[Any]] = [*tokens, _scope.set(self)]
        self.fields = fields
        self.bindings: object = _bindings()
        self.is_plain = plain and _foreign.issuperset(self._before)

    def refresh(self) -> None:
        """Rebind a field that somebody else may have decided meanwhile.

        Called before the context is read, even after `exit`: what a request
        has started, such as a thread, may outlive it.
        """

    def rebind(self, fields: dict[str, Any]) -> None:
        """Bind `fields` in place of the scope's own."""
        for key in self.fields.keys() - fields.keys():
            _variables[key].set(...)
        # No tokens are kept: this may run in a copy of the context, such as
        # that of a thread, and a token is good for its own context alone.
        for key, value in fields.items():
            if self.fields.get(key) is not value:
                _variables[key].set(value)
        self.fields = fields

    def exit(self) -> None:
        """Make the context exactly what it was before the scope."""
        untouched = _bindings() is self.bindings
        for token in reversed(self._tokens):
            token.var.reset(token)
        # Scope and bindings know each other, and would wait for the collector.
        self.bindings = self.snapshot = None
        if untouched:
            return
        for variable in copy_context():
            if _keys[variable] and variable not in self._before:
                variable.set(...)
        for variable, value in self._before.items():
            if _keys[variable] and variable.get(...) is not value:
                variable.set(value)


def current() -> dict[str, Any]:
    """Return what is bound now, the innermost scope's fields first."""
    scope = _scope.get()
    if scope is None:
        return _read({}, copy_context())
    scope.refresh()
    return _read(scope.fields, copy_context())


def shown() -> dict[str, Any]:
    """Return what a line shows of `current()`; it is not to be changed."""
    scope = _scope.get()
    if scope is None:
        return clean(_read({}, copy_context()))
    scope.refresh()
    bindings = _bindings()
    if bindings is scope.bindings and scope.is_plain:
        return scope.fields
    snapshot = scope.snapshot
    if snapshot is None or snapshot.bindings is not bindings:
        fields = _read(scope.fields, copy_context())
        snapshot = scope.snapshot = _Snapshot(bindings, fields)
    return snapshot.shown()


class _Snapshot:
    """What is bound, good for as long as nobody binds anything."""

    def __init__(self, bindings: object, fields: dict[str, Any]) -> None:
        self.bindings = bindings
        self._fields = fields
        self._is_clean = False
        self._lists: list[Any] = []

    def shown(self) -> dict[str, Any]:
        if self._is_clean and all(map(is_plain, self._lists)):
            return self._fields
        shown = clean(self._fields)
        self._is_clean = shown is self._fields
        # They may have something else in them by the next line.
        self._lists = [each for each in shown.values() if type(each) is list]
        return shown


def _read(first: dict[str, Any], context: Context) -> dict[str, Any]:
    """Return what is bound in `context`, the keys of `first` before others.

    structlog's store has no order.
    """
    fields = first.copy()
    for variable, value in context.items():
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
            if not key:
                _foreign.add(variable)
        return key


_variables = _Variables()
_keys = _Keys()
# Variables that are not structlog's.
_foreign: set[ContextVar[Any]] = set()
_scope: ContextVar[Scope | None] = ContextVar("telemetry_scope", default=None)
