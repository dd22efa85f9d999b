"""Values: whatever is logged becomes plain data that JSON can hold."""

from collections import deque
from collections.abc import Mapping, MappingView
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import PurePath
from reprlib import recursive_repr
from typing import Any
from uuid import UUID

from django.db.models import Manager, Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise

from ..labels import RESOURCES
from .errors import strip_queries
from .redaction import REDACTED, Codes, is_secret, redact_text, secrecy

# In characters: of a text, of a `repr` or a text in a container, of a key.
MAX_TEXT = 20_000
MAX_REPR = 1_000
MAX_KEY = 200
# In characters: searched beyond a cut, because the name of a secret may be there.
MARGIN = 4_000
# Of containers: how deep, how many items of each, and how many in all.
MAX_DEPTH = 8
MAX_ITEMS = 100
MAX_NODES = 1_000

CONTAINERS = (dict, list, tuple, set, frozenset, deque, Mapping, MappingView)
# Keys known not to be secrets; the first are of labels, because `session.id` is
# the id of a resource. Bounded, because data can be keys.
_harmless = {f"{label}.id" for label in RESOURCES.values()}
MAX_HARMLESS = 10_000

_repr = recursive_repr("…")(repr)


def clean(
    fields: dict[Any, Any], depth: int = 0, left: list[int] | None = None
) -> dict[str, Any]:
    """Return `fields`, changed to plain data: secrets hidden, sizes bounded.

    Never raises. `left` counts the items of nested containers down.
    """
    for key in fields:
        if type(key) is not str or key not in _harmless:
            fields = dict(checked(key, value) for key, value in fields.items())
            break
    if "value" in fields:  # Of `{"name": "password", "value": "..."}`.
        name = fields.get("name", fields.get("key"))
        fields["value"] = checked(name, fields["value"])[1]
    for key, value in fields.items():
        # Optimisation: common values need no function call. Their types are exact,
        # because orjson refuses some subclasses.
        kind = type(value)
        if kind is str and ":" not in value and "=" not in value:
            # A private key is longer than 30 characters.
            is_short = len(value) <= 30 or len(value) <= MAX_REPR and "--" not in value
            if is_short and value.isascii():
                continue
        elif kind is int and value.bit_length() < 64:
            continue
        elif kind is float or kind is bool or value is None:
            continue
        elif kind is list and len(value) <= MAX_ITEMS and _are_names(value):
            continue
        fields[key] = clean_value(value, depth, left)
    return fields


def clean_value(value: Any, depth: int = 0, left: list[int] | None = None) -> Any:
    """Return plain data for one value; see `clean`."""
    # `isinstance` would evaluate a lazy object.
    kind, left = type(value), left or [MAX_NODES]
    try:
        if kind is float or kind is bool or kind is Codes or value is None:
            return value
        if kind is int and value.bit_length() < 64:  # Others are no JSON number.
            return value
        if issubclass(kind, str):
            return clean_text(str.__str__(value), MAX_REPR if depth else MAX_TEXT)
        if issubclass(kind, tuple) and hasattr(kind, "_asdict"):  # A named tuple.
            return clean_value(value._asdict(), depth, left)
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
        # A text, because tools that freeze the time replace the classes.
        if issubclass(kind, date | time):
            return value.isoformat().replace("+00:00", "Z")
        if issubclass(kind, bytes | bytearray):
            return show(bytes(value[:MAX_REPR]))
        if issubclass(kind, Decimal | PurePath | Promise | UUID | timedelta):
            return show(value, str)
        if issubclass(kind, HttpRequest):
            return show(f"<{kind.__qualname__}: {value.method} {value.path}>", str)
        # Their `repr` can query the database.
        if issubclass(kind, Model):
            return show(f"<{kind.__qualname__} pk={value.pk!r}>", str)
        if issubclass(kind, QuerySet | Manager):
            return f"<{kind.__qualname__} of {value.model.__qualname__}>"
    except Exception:
        pass
    return show(value)


def clean_text(text: str, length: int = MAX_TEXT) -> str:
    """Return at most `length` characters of `text`, its secrets hidden."""
    half = length // 2 + MARGIN
    if len(text) > 2 * half:
        # Without the first word of the tail, because it can be half a secret.
        text = f"{text[:half]}… {''.join(text[-half:].split(None, 1)[1:])}"
    text = redact_text(text)
    if len(text) > length:
        half = (length - 1) // 2
        text = f"{text[:half]}…{text[-half:]}"
    # UTF-8 cannot hold a lone surrogate.
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def show(value: object, text: Any = _repr, length: int = MAX_REPR) -> str:
    """Return the `repr` or another `text` of `value`, without query strings."""
    try:
        shown = str.__str__(text(value))
    except Exception as error:
        shown = f"<{type(value).__qualname__} raised {type(error).__qualname__}>"
    return clean_text(strip_queries(shown), length)


def checked(key: object, value: Any) -> tuple[str, Any]:
    """Return `key` as text, and `value` unless it is secret."""
    name = str.__str__(key) if issubclass(type(key), str) else show(key)
    if len(name) > MAX_KEY or not name.isascii():
        name = clean_text(name, MAX_KEY)
    if name in _harmless:
        return name, value
    if key is name and len(_harmless) < MAX_HARMLESS and not secrecy(name):
        _harmless.add(name)
    return name, REDACTED if is_secret(name, value) else value


def _are_names(items: list[Any]) -> bool:
    """Return True if `items` are short words, such as labels."""
    for item in items:
        if type(item) is not str:
            return False
    joined = "".join(items)
    if len(joined) > MAX_KEY or len(items) == 2 and secrecy(items[0]):
        return False
    return joined.isidentifier()


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
