"""Values: whatever is logged becomes one that JSON holds, in bounded time."""

import math
import threading
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import PurePath
from typing import Any
from uuid import UUID

from django.utils.functional import LazyObject, Promise, empty

from .redaction import REDACTED, is_secret, redact_text

# In characters: what is kept of a key, of a `repr`, of any text.
MAX_KEY = 200
MAX_REPR = 1_000
MAX_TEXT = 10_000
# Of a container: how deep, how many items at each level, how many in all.
MAX_DEPTH = 8
MAX_ITEMS = 100
MAX_NODES = 1_000
# The integers that JSON keeps exact, and orjson takes.
MIN_INT = -(2**63)
MAX_INT = 2**64 - 1

# What goes to the formatter as it is; orjson writes a `datetime` in ISO 8601.
_SCALARS = frozenset({str, int, bool, type(None), datetime})
_TEXT = frozenset({str})
_CONTAINERS = (dict, list, tuple, set, frozenset, Mapping)
_AS_TEXT = (Decimal, PurePath, Promise, UUID)
_AS_ISO = (datetime, date, time)

# Keys seen before that are no secret. Bounded, for keys can come from data.
_harmless: set[str] = set()
_MAX_HARMLESS = 10_000

_showing = threading.local()


def clean(fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields` with secrets hidden and every value a plain one.

    `fields` itself comes back when there is nothing to do, as for most lines.
    """
    if not _harmless.issuperset(fields):
        return _Cleaner().fields(fields.items(), 0)
    odd = []
    for key, value in fields.items():
        if type(value) not in _SCALARS and not _is_plain(value):
            odd.append(key)
    if not odd:
        return fields
    cleaner = _Cleaner()
    return fields | {key: cleaner.value(fields[key], 0) for key in odd}


def cut(text: str, length: int = MAX_TEXT) -> str:
    """Return at most `length` characters of `text`, without its middle."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def show(value: object) -> str:
    """Return the `repr` of `value`, cut, with secrets hidden."""
    depth = getattr(_showing, "depth", 0)
    if depth > 1:  # A `repr` that logs its own object would never end.
        return f"<{type(value).__qualname__}>"
    _showing.depth = depth + 1
    try:
        return redact_text(cut(_describe(value), MAX_REPR))
    except Exception as error:
        failure = type(error).__qualname__
        return f"<{type(value).__qualname__}: its repr raised {failure}>"
    finally:
        _showing.depth = depth


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
            if len(_harmless) < _MAX_HARMLESS:
                _harmless.add(name)
        return self.value(value, depth)

    def value(self, value: object, depth: int) -> Any:
        kind = type(value)
        self.nodes -= 1
        if kind in (str, bool, datetime) or value is None:
            return value
        if kind is int:
            fits = MIN_INT <= value <= MAX_INT  # type: ignore[operator]
            return value if fits else show(value)
        if kind is float:
            return value if math.isfinite(value) else repr(value)  # type: ignore[arg-type]
        try:
            return self._object(value, depth)
        except Exception:
            return show(value)

    def _object(self, value: object, depth: int) -> Any:
        if issubclass(type(value), _CONTAINERS):
            if depth == MAX_DEPTH or self.nodes <= 0:
                return f"<{type(value).__qualname__}>"
            return self._container(value, depth + 1)
        if issubclass(type(value), Enum):
            return self.value(value.value, depth)  # type: ignore[attr-defined]
        if issubclass(type(value), _AS_ISO):
            return value.isoformat()  # type: ignore[attr-defined]
        if issubclass(type(value), str):
            return str.__str__(value)
        if issubclass(type(value), _AS_TEXT):
            return cut(str(value))
        if issubclass(type(value), timedelta):
            return value.total_seconds()  # type: ignore[attr-defined]
        return show(value)

    def _container(self, value: Any, depth: int) -> Any:
        rest = len(value) - MAX_ITEMS
        if issubclass(type(value), Mapping):
            shown = self.fields(islice(value.items(), MAX_ITEMS), depth)
            return {**shown, "…": f"{rest} more"} if rest > 0 else shown
        items = [self.value(item, depth) for item in islice(value, MAX_ITEMS)]
        return [*items, f"… {rest} more"] if rest > 0 else items


def _is_plain(value: object) -> bool:
    """Whether `value` is a finite float, or a list of texts as `labels` is."""
    if type(value) is float:
        return math.isfinite(value)
    if type(value) is list and len(value) <= MAX_ITEMS:
        return _TEXT.issuperset(map(type, value))
    return False


def _key(key: object) -> str:
    text = str.__str__(key) if isinstance(key, str) else show(key)
    return cut(text, MAX_KEY)


def _describe(value: Any) -> str:
    """Like `repr`, but without a database query and without a query string."""
    kind = type(value)
    if issubclass(kind, LazyObject) and value._wrapped is not empty:
        return _describe(value._wrapped)
    if issubclass(kind, bytes | bytearray):
        return repr(bytes(value[:MAX_REPR]))
    if hasattr(kind, "_meta") and hasattr(kind._meta, "label"):  # a model
        return f"<{kind._meta.label} {value.pk}>"
    if hasattr(kind, "as_manager"):  # a queryset, which `repr` would evaluate
        return f"<{kind.__name__} of {value.model._meta.label}>"
    if hasattr(kind, "get_full_path"):  # a request
        return f"<{kind.__name__} {value.method} {value.path}>"
    return repr(value)
