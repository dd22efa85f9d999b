"""structlog's store of the context: one variable for each key."""

from contextvars import Context, ContextVar, copy_context
from gc import get_referents
from typing import Any

from structlog.contextvars import STRUCTLOG_KEY_PREFIX, bind_contextvars


def read(first: dict[str, Any], context: Context) -> dict[str, Any]:
    """Return what is bound in `context`, the keys of `first` before others.

    structlog's store has no order.
    """
    fields = first.copy()
    for variable, value in context.items():
        if key := keys[variable]:
            if value is not ...:
                fields[key] = value
            else:  # structlog's mark for what has been unbound.
                fields.pop(key, None)
    return fields


if len(get_referents(copy_context())) == 1:

    def bindings() -> object:
        """Return the map inside the context, to tell later if it has changed.

        The map itself never does: to set a variable makes another, a copy of
        the context shares it. `==` would ask the values, some of which query.
        """
        return get_referents(copy_context())[0]

else:  # Not in CPython: nothing is known to be unchanged.

    def bindings() -> object:
        return object()


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
                foreign.add(variable)
        return key


variables = _Variables()
keys = _Keys()
# Variables that are not structlog's.
foreign: set[ContextVar[Any]] = set()
