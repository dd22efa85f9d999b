"""Exceptions as fields: a full traceback, in a third of the time `traceback` takes."""

import traceback
from types import TracebackType
from typing import Any

from .redaction import redact_text
from .serialization import MAX_TEXT, cut

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

# In characters; twice the length of other texts.
MAX_TRACEBACK = 2 * MAX_TEXT


def exception_fields(error: BaseException) -> dict[str, Any]:
    """Return `error.type`, `error.message` and `exception`, the traceback, of `error`."""
    return {
        "error.type": _type_name(type(error)),
        "error.message": redact_text(cut(_message(error))),
        "exception": redact_text(cut(_traceback(error), MAX_TRACEBACK)),
    }


def exception_of(exc_info: object) -> BaseException | None:
    """Return the exception that an `exc_info` argument means: itself, or that of a tuple."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple) and len(exc_info) == 3:
        return exception_of(exc_info[1])
    return None


def _type_name(kind: type[BaseException]) -> str:
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failure:
        return f"<its str raised {type(failure).__qualname__}>"


def _traceback(error: BaseException) -> str:
    try:
        formatted = traceback.TracebackException.from_exception(error)
        _drop_columns(formatted)
        return "".join(formatted.format()).rstrip("\n")
    except Exception as failure:
        return f"{_type_name(type(error))}: <its traceback raised {type(failure).__qualname__}>"


def _drop_columns(formatted: traceback.TracebackException) -> None:
    """Leave out the carets below each line: finding their columns takes most of the time."""
    for frame in formatted.stack:
        frame.colno = frame.end_colno = None
    related = (formatted.__cause__, formatted.__context__, *(formatted.exceptions or ()))
    for other in related:
        if other is not None:
            _drop_columns(other)
