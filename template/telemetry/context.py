"""The context of a unit of work, ordered; `structlog.contextvars` holds it."""

from contextvars import Context, ContextVar, copy_context
from gc import get_referents
from typing import Any

from structlog.contextvars import STRUCTLOG_KEY_PREFIX, bind_contextvars

from .serialization import clean, is_plain


class Scope:
    """One request, connection or task: binds fields, `exit` takes all back.

    Lines need not look at `plain` fields: their values are such as JSON has,
    and nobody changes them.
    """

    def __init__(
        self,
        fields: dict[str, Any],
        *,
        plain: bool = False,
    ) -> None:
        self._before = copy_context()
        self._tokens = [_variables[key].set(fields[key]) for key in fields]
        self._entered = _scope.set(self)
        self._bindings = _bindings(copy_context())
        self.fields = fields
        self.snapshot = _NOTHING
        if plain and not any(map(_keys.__getitem__, self._before)):
            self.snapshot = _Snapshot(self._bindings, fields, plain=True)

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
        untouched = _bindings(copy_context()) is self._bindings
        _scope.reset(self._entered)
        for token in self._tokens:
            token.var.reset(token)
        # Scope and bindings know each other, and would wait for the collector.
        self._bindings, self.snapshot = None, _NOTHING
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
    return _snapshot().fields.copy()


def shown() -> dict[str, Any]:
    """Return what a line shows of the context; it is not to be changed."""
    return _snapshot().shown()


class _Snapshot:
    """What is bound, good for as long as nobody binds anything."""

    __slots__ = ("_lists", "_plain", "bindings", "fields")

    def __init__(
        self,
        bindings: object,
        fields: dict[str, Any],
        *,
        plain: bool = False,
    ) -> None:
        self.bindings = bindings
        self.fields = fields
        self._plain = plain
        self._lists: list[Any] = []

    def shown(self) -> dict[str, Any]:
        if self._plain and all(map(is_plain, self._lists)):
            return self.fields
        shown = clean(self.fields)
        self._plain = shown is self.fields
        # They may have something else in them by the next line.
        self._lists = [each for each in shown.values() if type(each) is list]
        return shown


def _snapshot() -> _Snapshot:
    scope = _scope.get()
    if scope is None:
        return _Snapshot(None, _read({}, copy_context()))
    scope.refresh()
    context = copy_context()
    bindings = _bindings(context)
    snapshot = scope.snapshot
    if snapshot.bindings is not bindings:
        snapshot = _Snapshot(bindings, _read(scope.fields, context))
        scope.snapshot = snapshot
    return snapshot


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


def _bindings(context: Context) -> object:
    """Return the map inside `context`, by which to tell that nothing was set.

    It never changes: to set a variable makes another one, to copy a context
    shares it. `==` would ask the values, of whom some answer with a query.
    """
    inside = get_referents(context)
    return inside[0] if len(inside) == 1 else context


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


_NOTHING = _Snapshot(None, {})
_variables = _Variables()
_keys = _Keys()
_scope: ContextVar[Scope | None] = ContextVar("telemetry_scope", default=None)
