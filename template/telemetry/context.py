"""The context of a unit of work, ordered; `structlog.contextvars` holds it."""

from collections.abc import Mapping
from contextvars import ContextVar, Token, copy_context
from typing import Any

from .context_store import bindings, foreign, keys, read, variables
from .serialization import clean, is_plain


class Scope:
    """One request, connection or task: binds fields, `exit` takes all back."""

    # Lines need not look at plain fields: nobody changes the values, which
    # are such as JSON has.
    is_plain = False
    # The store with nothing but the fields of this scope.
    bindings: object = None
    snapshot: "_Snapshot | None" = None
    # What has been bound before, or unbound.
    _outer: Mapping[ContextVar[Any], Any] = {}

    def __init__(self, fields: dict[str, Any]) -> None:
        self.enter(fields)

    def enter(self, fields: dict[str, Any]) -> None:
        """Bind `fields`; the scope is the innermost from now on."""
        before = copy_context()
        self.fields = fields
        self._tokens: list[Token[Any]] = []
        self._tokens.append(_scope.set(self))
        # From here on a signal's handler may log with this scope.
        for key in fields:
            self._tokens.append(variables[key].set(fields[key]))
        self.bindings = bindings()
        if not foreign.issuperset(before):
            self._outer = {each: before[each] for each in before if keys[each]}
            if any(value is not ... for value in self._outer.values()):
                self.is_plain = False

    def refresh(self) -> None:
        """Rebind a field that somebody else may have decided meanwhile.

        Called before the context is read, even after `exit`: what a request
        has started, such as a thread, may outlive it.
        """

    def rebind(self, key: str, fields: dict[str, Any]) -> None:
        """Bind `key` as `fields` have it, which are the scope's from now on.

        They differ from those before in nothing else.
        """
        is_alone = bindings() is self.bindings
        self._tokens.append(variables[key].set(fields.get(key, ...)))
        self.fields = fields
        if is_alone:
            self.bindings = bindings()

    def exit(self) -> None:
        """Make the context exactly what it was before the scope."""
        is_alone = bindings() is self.bindings
        for token in reversed(self._tokens):
            try:
                token.var.reset(token)
            except ValueError:
                pass  # Bound in a copy of the context, where it ends.
        # Scope and store know each other, and would wait for the collector.
        self.bindings = self.snapshot = None
        self._tokens.clear()
        if is_alone:
            return
        for variable in copy_context():
            if keys[variable] and variable not in self._outer:
                variable.set(...)
        for variable, value in self._outer.items():
            if variable.get(...) is not value:
                variable.set(value)


def current() -> dict[str, Any]:
    """Return what is bound now, the innermost scope's fields first."""
    scope = _scope.get()
    if scope is None:
        return read({}, copy_context())
    scope.refresh()
    return read(scope.fields, copy_context())


def shown() -> dict[str, Any]:
    """Return what a line shows of `current()`; it is not to be changed."""
    scope = _scope.get()
    if scope is None:
        return clean(read({}, copy_context()))
    scope.refresh()
    now = bindings()
    if now is scope.bindings and scope.is_plain:
        return scope.fields
    snapshot = scope.snapshot
    if snapshot is None or snapshot.bindings is not now:
        fields = read(scope.fields, copy_context())
        snapshot = scope.snapshot = _Snapshot(now, fields)
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


_scope: ContextVar[Scope | None] = ContextVar("telemetry_scope", default=None)
