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

from django.utils.functional import Promise

from .redaction import REDACTED, is_secret, redact_text, redact_traceback

# In characters.
MAX_KEY = 200
MAX_REPR = 1_000
MAX_TEXT = 10_000
MAX_TRACEBACK = 20_000
# How often showing a value may log a value that must be shown.
MAX_NESTED = 2
# Of containers: how deep, and how many items of each.
MAX_DEPTH = 8
MAX_ITEMS = 100
# Of one value, in all.
MAX_NODES = 1_000
# Fields with source code in them.
TRACEBACKS = frozenset({"exception", "stack"})
# The integers that orjson takes.
MIN_INT = -(2**63)
MAX_INT = 2**64 - 1


# Seen before, and no secrets. Bounded, as data can be keys.
_harmless: set[str] = set()
MAX_HARMLESS = 10_000
_CONTAINERS = (dict, list, tuple, set, frozenset, Mapping)
_shown = threading.local()
_AS_THEY_ARE = frozenset({int, bool, type(None)})


def clean(fields: dict[str, Any]) -> dict[str, Any]:
    """Make `fields` plain data, in place where possible, and return them.

    Secrets are hidden and sizes bounded. Never raises.
    """
    if not _harmless.issuperset(fields):
        fields = {_key(k): _unless_secret(k, v) for k, v in fields.items()}
    for key, value in fields.items():
        kind = type(value)
        if kind is str:
            if "=" in value or ":" in value or len(value) > MAX_TEXT:
                if key in TRACEBACKS:
                    text = cut(redact_traceback(value), MAX_TRACEBACK)
                else:
                    text = clean_text(value)
                fields[key] = text
        elif kind is datetime and value.tzinfo is UTC:
            continue  # orjson crashes where another time zone raises.
        elif kind not in _AS_THEY_ARE and not _is_plain_list(value):
            fields[key] = clean_value(value)
    return fields


def clean_value(
    value: Any,
    depth: int = 0,
    left: list[int] | None = None,
) -> Any:
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
        return cut(redact_text(cut(text, 2 * length)), length)
    if "=" in text or ":" in text:
        return redact_text(text)
    return text


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


def _is_plain_list(value: Any) -> bool:
    """Return True for a few short names, as in `labels`."""
    if type(value) is not list or len(value) > MAX_ITEMS:
        return False
    return all(type(item) is str and item.isidentifier() for item in value)


def _unless_secret(key: object, value: Any) -> Any:
    name = _key(key)
    if name in _harmless or not is_secret(name):
        if len(_harmless) < MAX_HARMLESS:
            _harmless.add(name)
    elif type(value) is not bool:
        return REDACTED
    return value


def _plain(value: Any, depth: int, left: list[int]) -> Any:
    if isinstance(value, _CONTAINERS):
        left[0] -= min(len(value), MAX_ITEMS) + 1
        if depth == MAX_DEPTH or left[0] <= 0:
            return f"<{type(value).__qualname__}>"
        return _container(value, depth + 1, left)
    if isinstance(value, Enum):
        return clean_value(value.value, depth, left)
    if isinstance(value, str):
        return clean_text(str.__str__(value))
    if isinstance(value, datetime | date | time):
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
    return show(value)


def _container(value: Any, depth: int, left: list[int]) -> Any:
    rest = len(value) - MAX_ITEMS
    if isinstance(value, Mapping):
        found = {}
        for key, item in islice(value.items(), MAX_ITEMS):
            item = _unless_secret(key, item)
            found[_key(key)] = clean_value(item, depth, left)
        return {**found, "…": f"{rest} more"} if rest > 0 else found
    if _is_secret_pair(value):
        return [clean_value(value[0], depth, left), REDACTED]
    shown = islice(value, MAX_ITEMS)
    items = [clean_value(item, depth, left) for item in shown]
    return [*items, f"… {rest} more"] if rest > 0 else items


def _is_secret_pair(value: Any) -> bool:
    """Return True for a secret with its name, as in a list of headers."""
    if len(value) != 2 or not isinstance(value, list | tuple):
        return False
    name = value[0]
    return isinstance(name, str | bytes) and is_secret(_key(name))


def _key(key: object) -> str:
    text = str.__str__(key) if isinstance(key, str) else show(key)
    return cut(text, MAX_KEY)
