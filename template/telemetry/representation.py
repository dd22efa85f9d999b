"""Text for any value: in bounded size, without secrets, without a query."""

from typing import Any

from django.utils.functional import LazyObject, empty

from .guard import guard
from .redaction import redact_text

# In characters: what is kept of a `repr`, of any text.
MAX_REPR = 1_000
MAX_TEXT = 10_000


def cut(text: str, length: int = MAX_TEXT) -> str:
    """Return at most `length` characters of `text`, without its middle."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def censor(text: str, length: int = MAX_TEXT) -> str:
    """Return at most `length` characters of `text`, its secrets hidden.

    They are hidden first: what is cut may be the name of one.
    """
    return cut(redact_text(cut(text, 2 * length)), length)


def show(value: object) -> str:
    """Return the `repr` of `value`, censored and cut."""
    try:
        with guard():
            return censor(_describe(value), MAX_REPR)
    except Exception as error:
        failure = type(error).__qualname__
        return f"<{type(value).__qualname__}: its repr raised {failure}>"


def plain(text: str) -> str:
    """Return `text` as a `str`, whatever its class does."""
    return str.__str__(text)


def asks_database(kind: type) -> bool:
    """Whether `repr` would query: that of a queryset, or of a manager."""
    return hasattr(kind, "as_manager") or hasattr(kind, "get_queryset")


def _describe(value: Any) -> str:
    """Like `repr`, but without a query, in both senses."""
    kind = type(value)
    if issubclass(kind, LazyObject) and value._wrapped is not empty:
        return _describe(value._wrapped)
    if issubclass(kind, bytes | bytearray):
        return repr(bytes(value[:MAX_REPR]))
    if hasattr(kind, "_meta") and hasattr(kind._meta, "label"):  # a model
        return f"<{kind._meta.label} {value.pk}>"
    if asks_database(kind) and hasattr(value, "model"):
        return f"<{kind.__name__} of {value.model._meta.label}>"
    if hasattr(kind, "get_full_path"):  # a request
        return f"<{kind.__name__} {value.method} {value.path}>"
    return plain(repr(value))
