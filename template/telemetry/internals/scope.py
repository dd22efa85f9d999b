"""Scopes: the context of one request, connection or task."""

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar, copy_context
from typing import Any
from uuid import uuid4

from structlog.contextvars import (
    STRUCTLOG_KEY_PREFIX,
    bind_contextvars,
    clear_contextvars,
    get_contextvars,
    unbind_contextvars,
)

Fields = Mapping[str, Any]

# Functions whose fields are added to each line, after the context.
ENRICHERS: list[Callable[[], Fields]] = []
# Functions whose fields are added to the last line of each scope.
ENDINGS: list[Callable[["Scope"], Fields]] = []
# Functions that are called with each scope: when it opens, when it exits.
OPENED: list[Callable[["Scope"], object]] = []
EXITED: list[Callable[["Scope"], object]] = []

_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._:/=+@-]{1,128}")


class Scope:
    """Binds fields until `exit`, which restores the context.

    `line_fields` is called for each line; its values replace those of
    `fields`, whose order is that of the line. A field that is None is unbound.
    """

    def __init__(
        self,
        fields: dict[str, Any],
        line_fields: Callable[[], Fields] = dict,
        owner: Any = None,
    ) -> None:
        self.fields = fields
        self.line_fields = line_fields
        # The request or task that runs in the scope.
        self.owner = owner
        # For the last line, from `add` and from `increment` and `timer`.
        self.added: dict[str, Any] = {}
        self.counts: dict[str, Any] = {}
        # What other modules keep for the scope, by their names.
        self.data: dict[str, Any] = {}
        self._before = get_contextvars()
        self._token = _scope.set(self)
        unbind_contextvars(*[key for key in fields if fields[key] is None])
        bind_contextvars(**{k: fields[k] for k in fields if fields[k] is not None})
        for function in OPENED:
            function(self)

    def last_fields(self) -> dict[str, Any]:
        """Return the fields of the last line only."""
        fields = dict(self.added)
        for name, count in self.counts.items():
            digits = 2 if name.endswith("_ms") else 6
            fields[name] = round(count, digits) if isinstance(count, float) else count
        for ending in ENDINGS:
            fields.update(ending(self))
        return fields

    def collect_for(self, scope: "Scope") -> None:
        """Make `add`, `increment` and `timer` collect for the last line of `scope`."""
        self.added, self.counts, self.data = scope.added, scope.counts, scope.data

    def exit(self) -> None:
        """Restore the context as it was before the scope."""
        for function in EXITED:
            function(self)
        clear_contextvars()
        bind_contextvars(**self._before)
        try:
            _scope.reset(self._token)
        except ValueError:  # Entered in a copy of this context.
            _scope.set(None)
        # So that a request that is kept, in a test for example, keeps no context.
        del self._before, self._token
        # Breaks a cycle, so that a request is freed without a collection.
        self.owner = None


def current_scope() -> Scope | None:
    """Return the innermost scope."""
    return _scope.get()


def current() -> dict[str, Any]:
    """Return the context, the fields of the innermost scope first.

    A project's own `clear_contextvars` does not take those away.
    """
    scope = _scope.get()
    bound = dict(scope.fields) if scope else {}
    # Optimisation: `get_contextvars`, with the names of variables parsed once.
    for variable, value in copy_context().items():
        if (key := _KEYS[variable]) and value is not ...:
            bound[key] = value
    if scope:
        bound.update(scope.line_fields())
    if None in bound.values():
        bound = {key: value for key, value in bound.items() if value is not None}
    return bound


def enriched() -> dict[str, Any]:
    """Return the context as a line has it, with the fields of `ENRICHERS`."""
    context = current()
    for enrich in ENRICHERS:
        context.update(enrich())
    return context


def request_id_from(value: str | None, *, is_trusted: bool) -> str:
    """Return a client's id if it is trusted and well-formed, else a new one."""
    if is_trusted and value and _ACCEPTED_ID.fullmatch(value):
        return value
    return str(uuid4())


class _Keys(dict[ContextVar[Any], str]):
    """The key that structlog keeps in a variable, empty for other variables."""

    def __missing__(self, variable: ContextVar[Any]) -> str:
        _, _, key = variable.name.partition(STRUCTLOG_KEY_PREFIX)
        return self.setdefault(variable, key)


_KEYS = _Keys()
_scope: ContextVar[Scope | None] = ContextVar("telemetry_scope", default=None)
