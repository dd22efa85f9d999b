"""Values: whatever is logged becomes plain data that JSON can hold."""

import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import PurePath
from typing import Any
from uuid import UUID

from django.db.models import Manager, Model, QuerySet
from django.utils.functional import Promise

from .redaction import REDACTED, is_secret, is_secret_value, redact_text

# In characters.
MAX_KEY = 200
MAX_REPR = 1_000
MAX_TEXT = 20_000
# Of containers: how deep, how many items of each, and how many in all.
MAX_DEPTH = 8
MAX_ITEMS = 100
MAX_NODES = 1_000
# How often showing a value may log a value that must be shown.
MAX_NESTED = 2
# The integers that orjson takes.
MIN_INT, MAX_INT = -(2**63), 2**64 - 1

CONTAINERS = (dict, list, tuple, set, frozenset, Mapping)

_shown = threading.local()
# Keys seen before that are no secrets. Bounded, as data can be keys.
_harmless: set[str] = set()
MAX_HARMLESS = 10_000


def clean(fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields`, changed to plain data: secrets hidden, sizes bounded.

    Never raises.
    """
    if not _harmless.issuperset(fields):
        fields = {_key(k): _unless_secret(k, v) for k, v in fields.items()}
    for key, value in fields.items():
        # What most values are, without a call.
        kind = type(value)
        if kind is str:
            is_short = len(value) <= MAX_TEXT and value.isascii()
            plain = is_short and "=" not in value and ":" not in value
        elif kind is int:
            plain = MIN_INT <= value <= MAX_INT
        elif kind is float:
            plain = math.isfinite(value)
        elif kind is datetime:
            plain = value.tzinfo is UTC
        else:
            plain = kind is bool or value is None or _is_list_of_names(kind, value)
        if not plain:
            fields[key] = clean_value(value)
    return fields


def clean_value(value: Any, depth: int = 0, left: list[int] | None = None) -> Any:
    """Return plain data for one value; `left` counts items down."""
    kind = type(value)
    if kind is str:
        return clean_text(value)
    if kind is bool or value is None:
        return value
    if kind is int:
        return value if MIN_INT <= value <= MAX_INT else show(value)
    if kind is float:
        return value if math.isfinite(value) else repr(value)
    try:
        return _plain(value, depth, left or [MAX_NODES])
    except Exception:
        return show(value)


def clean_text(text: str, length: int = MAX_TEXT) -> str:
    """Return at most `length` characters of `text`, its secrets hidden."""
    if len(text) > length:
        # A secret's name may lie where the text is cut.
        text = cut(redact_text(cut(text, 2 * length)), length)
    else:
        text = redact_text(text)
    # UTF-8 cannot hold a lone surrogate.
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def show(value: object) -> str:
    """Return the `repr` of `value`, at most `MAX_REPR` characters of it."""
    try:
        with showing():
            return clean_text(str.__str__(repr(value)), MAX_REPR)
    except Exception as error:
        kind = type(value).__qualname__
        return f"<{kind}: its repr raised {type(error).__qualname__}>"


@contextmanager
def showing() -> Iterator[None]:
    """Raise RecursionError where a `repr` logs what logs its `repr`."""
    depth = getattr(_shown, "depth", 0)
    if depth == MAX_NESTED:
        raise RecursionError("Showing a value logs the value.")
    _shown.depth = depth + 1
    try:
        yield
    finally:
        _shown.depth = depth


def cut(text: str, length: int) -> str:
    """Return at most `length` characters of `text`, without its middle."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def _is_list_of_names(kind: type, value: Any) -> bool:
    if kind is not list or len(value) > MAX_ITEMS:
        return False
    for item in value:
        if type(item) is not str or not item.isidentifier():
            return False
    return True


def _unless_secret(key: object, value: Any) -> Any:
    name = _key(key)
    if name not in _harmless:
        if is_secret_value(name, value):
            return REDACTED
        if not is_secret(name) and len(_harmless) < MAX_HARMLESS:
            _harmless.add(name)
    return value


def _plain(value: Any, depth: int, left: list[int]) -> Any:
    if isinstance(value, CONTAINERS):
        left[0] -= min(len(value), MAX_ITEMS) + 1
        if depth == MAX_DEPTH or left[0] <= 0:
            return f"<{type(value).__qualname__}>"
        return _container(value, depth + 1, left)
    if isinstance(value, Enum):
        return clean_value(value.value, depth, left)
    if isinstance(value, str):
        return clean_text(str.__str__(value))
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return show(bytes(value[:MAX_REPR]))
    if isinstance(value, int):
        return clean_value(int.__int__(value))
    if isinstance(value, float):
        return clean_value(float.__float__(value))
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal | PurePath | Promise | UUID):
        return clean_text(str(value))
    # Their `repr` can query the database.
    if isinstance(value, Model):
        return f"<{type(value).__qualname__} pk={value.pk!r}>"
    if isinstance(value, QuerySet | Manager):
        return f"<{type(value).__qualname__} of {value.model.__qualname__}>"
    return show(value)


def _container(value: Any, depth: int, left: list[int]) -> Any:
    rest = len(value) - MAX_ITEMS
    if isinstance(value, Mapping):
        found = {}
        for key, item in islice(value.items(), MAX_ITEMS):
            item = _unless_secret(key, item)
            found[_key(key)] = clean_value(item, depth, left)
        return {**found, "…": f"{rest} more"} if rest > 0 else found
    if len(value) == 2 and _is_secret_pair(*value):
        return [clean_value(next(iter(value)), depth, left), REDACTED]
    items = [clean_value(item, depth, left) for item in islice(value, MAX_ITEMS)]
    return [*items, f"… {rest} more"] if rest > 0 else items


def _is_secret_pair(name: Any, value: Any) -> bool:
    """Return True for a secret with its name, as in a list of headers."""
    return isinstance(name, str | bytes) and is_secret_value(_key(name), value)


def _key(key: object) -> str:
    if type(key) is str and key.isascii():
        return cut(key, MAX_KEY)
    text = str.__str__(key) if isinstance(key, str) else show(key)
    return cut(text.encode(errors="backslashreplace").decode(), MAX_KEY)
