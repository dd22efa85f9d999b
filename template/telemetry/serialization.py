"""Values: whatever is logged becomes one that JSON holds, in bounded time."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import PurePath
from typing import Any
from uuid import UUID

from django.utils.functional import Promise

from .guard import guard
from .redaction import REDACTED, is_secret
from .representation import cut, plain, show

# In characters: what is kept of a key, and of a text in a structure.
MAX_KEY = 200
MAX_VALUE = 64 * 1024
# Of a container: how deep, how many items at each level, how many in all.
MAX_DEPTH = 8
MAX_ITEMS = 100
MAX_NODES = 1_000
# The integers that JSON keeps exact, and orjson takes.
MIN_INT = -(2**63)
MAX_INT = 2**64 - 1

# What goes to the formatter as it is.
SCALARS = frozenset({str, int, float, bool, type(None)})
_AS_TEXT = (Decimal, PurePath, Promise, UUID)
_AS_ISO = (datetime, date, time)
_CONTAINERS = (dict, list, tuple, set, frozenset, Mapping)

# Keys seen before that are no secret. Emptied when full: data can be keys.
_harmless: set[str] = set()
_MAX_HARMLESS = 10_000


def clean(fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields` with secret keys hidden and every value a plain one.

    `fields` itself comes back when there is nothing to do, as for most lines.
    """
    if not _harmless.issuperset(fields):
        return _Cleaner().fields(fields.items(), 0)
    try:
        if SCALARS.issuperset(map(type, fields.values())):
            return fields
        odd = [key for key in fields if not is_plain(fields[key])]
    except TypeError:  # From a class that its metaclass made unhashable.
        odd = list(fields)
    if not odd:
        return fields
    cleaner = _Cleaner()
    return fields | {key: cleaner.value(fields[key], 0) for key in odd}


def clean_value(value: object) -> Any:
    """Return what `clean` makes of one value."""
    return _Cleaner().value(value, 0)


def is_plain(value: object) -> bool:
    """Whether `value` is a scalar, or a list of texts as `labels` is."""
    if type(value) is not list:
        return type(value) in SCALARS
    if len(value) > MAX_ITEMS:
        return False
    for item in value:
        if type(item) is not str:
            return False
    return not _is_secret_pair(value)


def is_container(value: object) -> bool:
    """Whether `clean` looks into `value`."""
    return issubclass(type(value), _CONTAINERS)


class _Cleaner:
    """Counts the nodes of one line, so that no structure can keep it busy."""

    def __init__(self) -> None:
        self.nodes = MAX_NODES

    def fields(self, pairs: Iterable[Any], depth: int) -> dict[str, Any]:
        return {_key(k): self.field(k, v, depth) for k, v in pairs}

    def field(self, key: object, value: object, depth: int) -> Any:
        if type(key) is not str or key not in _harmless:
            name = _key(key)
            if is_secret(name):
                return REDACTED
            if len(_harmless) >= _MAX_HARMLESS:
                _harmless.clear()
            _harmless.add(name)
        return self.value(value, depth)

    def value(self, value: object, depth: int) -> Any:
        kind = type(value)
        self.nodes -= 1
        if kind is bool or value is None:
            return value
        if kind is str:
            return cut(value, MAX_VALUE)  # type: ignore[arg-type]
        if kind is int:
            fits = MIN_INT <= value <= MAX_INT  # type: ignore[operator]
            return value if fits else show(value)
        if kind is float:
            return value if math.isfinite(value) else repr(value)  # type: ignore[arg-type]
        try:
            return self._object(value, depth)
        except Exception:
            return show(value)

    def _object(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if is_container(value):
            if depth == MAX_DEPTH or self.nodes <= 0:
                return f"<{kind.__qualname__}>"
            return self._container(value, depth + 1)
        if issubclass(kind, Enum):
            return self.value(value.value, depth)
        if kind is datetime and value.tzinfo in (None, UTC):
            return value
        if issubclass(kind, _AS_ISO):  # orjson crashes where a zone raises.
            return value.isoformat()
        if issubclass(kind, str):
            return cut(plain(value), MAX_VALUE)
        if issubclass(kind, int):
            return self.value(int.__int__(value), depth)
        if issubclass(kind, float):
            return self.value(float.__float__(value), depth)
        if issubclass(kind, _AS_TEXT):
            with guard():
                return cut(plain(str(value)))
        if issubclass(kind, timedelta):
            return value.total_seconds()
        return show(value)

    def _container(self, value: Any, depth: int) -> Any:
        rest = len(value) - MAX_ITEMS
        if issubclass(type(value), Mapping):
            shown = self.fields(islice(value.items(), MAX_ITEMS), depth)
            return {**shown, "…": f"{rest} more"} if rest > 0 else shown
        if _is_secret_pair(value):
            return [self.value(value[0], depth), REDACTED]
        items = [self.value(item, depth) for item in islice(value, MAX_ITEMS)]
        return [*items, f"… {rest} more"] if rest > 0 else items


def _is_secret_pair(value: Any) -> bool:
    """Whether `value` is a secret with its name, as in a list of headers."""
    if len(value) != 2 or not isinstance(value, list | tuple):
        return False
    name = value[0]
    return isinstance(name, str | bytes) and is_secret(_key(name))


def _key(key: object) -> str:
    text = plain(key) if isinstance(key, str) else show(key)
    return cut(text, MAX_KEY)
