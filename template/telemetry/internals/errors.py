"""Exceptions as fields."""

import re
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .frames import project_frame

_QUERY = re.compile(r"""(?<=\S)\?[\w.~%\[\]+-]++=[^\s"'<>\\]*+""")


def exception_fields(error: BaseException) -> dict[str, Any]:
    """Return the fields of `error_fields`, and the traceback as `exception`."""
    return {**error_fields(error), "exception": _call(_traceback, error)}


def error_fields(error: BaseException) -> dict[str, Any]:
    """Return `error.type`, `error.message` and `error.at`.

    `error.at` is the innermost frame in the project's code, absent without one.
    Texts are without query strings, which HTTP clients put there, and neither cut
    nor searched for secrets. Never raises, whatever the methods of `error` do.
    """
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}"
    fields = {
        "error.type": name.removeprefix("builtins."),
        "error.message": _call(str, error),
    }
    with suppress(Exception):
        frames = reversed(list(traceback.walk_tb(error.__traceback__)))
        if place := project_frame(frames):
            fields["error.at"] = place
    return fields


def strip_queries(text: str) -> str:
    """Return `text` without the query strings of its URLs."""
    return _QUERY.sub("", text) if "?" in text else text


def _call(function: Callable[[BaseException], Any], error: BaseException) -> Any:
    try:
        return strip_queries(function(error))
    except Exception as raised:
        return f"<{type(error).__qualname__} raised {type(raised).__qualname__}>"


def _traceback(error: BaseException) -> str:
    try:
        rows = traceback.format_exception(error)
    except Exception:
        # `traceback` reads attributes of the exception, which can raise or have
        # types that it does not expect; hence the frames without them.
        rows = ["Traceback (most recent call last):\n"]
        rows += traceback.format_tb(error.__traceback__)
        rows.append(f"{type(error).__qualname__}: {_call(str, error)}")
    return "".join(rows).rstrip("\n")
