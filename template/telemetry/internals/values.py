"""Values: whatever is logged becomes plain data that JSON can hold."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import PurePath
from reprlib import recursive_repr
from typing import Any
from uuid import UUID

from django.db.models import Manager, Model, QuerySet
from django.utils.functional import Promise

from .redaction import REDACTED, is_secret, is_secret_value, redact_text

# In characters: of a text, of a `repr` or a text in a container, of a key.
MAX_TEXT = 20_000
MAX_REPR = 1_000
MAX_KEY = 200
# Of containers: how deep, how many items of each, and how many in all.
MAX_DEPTH = 8
MAX_ITEMS = 100
MAX_NODES = 1_000
# The integers that JSON parsers and Protobuf take.
MIN_INT, MAX_INT = -(2**63), 2**63 - 1

CONTAINERS = (dict, list, tuple, set, frozenset, Mapping)


class Codes(dict[str, str]):
    """Short plain texts by name; a name may end in a secret word, as in a form."""


_PLAIN_TYPES = frozenset({bool, float, type(None), Codes})
# Keys known not to be secrets. Bounded, as data can be keys.
_harmless: set[str] = set()
MAX_HARMLESS = 10_000


def clean(
    fields: dict[Any, Any], depth: int = 0, left: list[int] | None = None
) -> dict[str, Any]:
    """Return `fields`, changed to plain data: secrets hidden, sizes bounded.

    Never raises. `left` counts the items of nested containers down.
    """
    if not _harmless.issuperset(fields):
        fields = dict(checked(key, value) for key, value in fields.items())
    for key, value in fields.items():
        # The common types, without a function call.
        kind = type(value)
        if kind is str and ":" not in value and "=" not in value and value.isascii():
            is_plain = len(value) <= MAX_REPR
        elif kind is int:
            is_plain = MIN_INT <= value <= MAX_INT
        elif kind is list and len(value) <= MAX_ITEMS:
            is_plain = all(map(_is_name, value))
        else:
            is_plain = kind in _PLAIN_TYPES or kind is datetime and value.tzinfo is UTC
        if not is_plain:
            fields[key] = clean_value(value, depth, left)
    return fields


def clean_value(value: Any, depth: int = 0, left: list[int] | None = None) -> Any:
    """Return plain data for one value; see `clean`."""
    # `isinstance` would evaluate a lazy object.
    kind, left = type(value), left or [MAX_NODES]
    try:
        if kind in _PLAIN_TYPES or kind is int and MIN_INT <= value <= MAX_INT:
            return value
        if issubclass(kind, str):
            return clean_text(str.__str__(value), MAX_REPR if depth else MAX_TEXT)
        if issubclass(kind, CONTAINERS):
            left[0] -= min(len(value), MAX_ITEMS) + 1
            if depth == MAX_DEPTH or left[0] <= 0:
                return f"<{kind.__qualname__}>"
            return _container(value, depth + 1, left)
        if issubclass(kind, Enum):
            return clean_value(value.value, depth, left)
        if issubclass(kind, int) and kind is not int:
            return clean_value(int.__int__(value), depth, left)
        if issubclass(kind, float):
            return float.__float__(value)
        if issubclass(kind, date | time):
            return value.isoformat()
        if issubclass(kind, bytes | bytearray):
            return show(bytes(value[:MAX_REPR]))
        if issubclass(kind, Decimal | PurePath | Promise | UUID | timedelta):
            return show(value, str)
        # Their `repr` can query the database.
        if issubclass(kind, Model):
            return f"<{kind.__qualname__} pk={value.pk!r}>"
        if issubclass(kind, QuerySet | Manager):
            return f"<{kind.__qualname__} of {value.model.__qualname__}>"
    except Exception:
        pass
    return show(value)


def clean_text(text: str, length: int = MAX_TEXT) -> str:
    """Return at most `length` characters of `text`, its secrets hidden."""
    # A secret's name may lie where the text is cut.
    text = cut(redact_text(cut(text, 2 * length)), length)
    # UTF-8 cannot hold a lone surrogate.
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


@recursive_repr("…")
def _repr(value: object) -> str:
    return repr(value)


def show(
    value: object, text: Callable[[Any], str] = _repr, length: int = MAX_REPR
) -> str:
    """Return the `repr` of `value`, or another text of it; never raises."""
    try:
        return clean_text(str.__str__(text(value)), length)
    except Exception as error:
        return f"<{type(value).__qualname__} raised {type(error).__qualname__}>"


def cut(text: str, length: int) -> str:
    """Return at most `length` characters of `text`, without its middle."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def _is_name(item: object) -> bool:
    return type(item) is str and len(item) <= MAX_KEY and item.isidentifier()


def _container(value: Any, depth: int, left: list[int]) -> Any:
    rest = len(value) - MAX_ITEMS
    if issubclass(type(value), Mapping):
        found = clean(dict(islice(value.items(), MAX_ITEMS)), depth, left)
        return {**found, "…": f"{rest} more"} if rest > 0 else found
    items = list(islice(value, MAX_ITEMS))
    # A secret with its name, as in a list of headers.
    if len(items) == 2 and issubclass(type(items[0]), str | bytes):
        items[1] = checked(*items)[1]
    shown = [clean_value(item, depth, left) for item in items]
    return [*shown, f"… {rest} more"] if rest > 0 else shown


def checked(key: object, value: Any) -> tuple[str, Any]:
    """Return `key` as text, and `value` unless it is secret."""
    name = str.__str__(key) if issubclass(type(key), str) else show(key)
    if len(name) > MAX_KEY or not name.isascii():
        name = clean_text(name, MAX_KEY)
    if is_secret_value(name, value):
        return name, REDACTED
    if key is name and len(_harmless) < MAX_HARMLESS and not is_secret(name):
        _harmless.add(name)
    return name, value
