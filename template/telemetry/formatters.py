"""Formatters: the fields of a line become its text, in JSON or pretty."""

import logging
import math
import re
from abc import abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from .lines import line_of
from .representation import MAX_TEXT, censor, cut, show
from .serialization import MAX_INT, MIN_INT

# In bytes. The values of a longer line are cut.
MAX_LINE = 64 * 1024
# How: the fields kept at each end, the characters kept of each.
_SHORTER = ((50, MAX_TEXT), (50, 1_000), (50, 100), (10, 100))

# One byte is found six times as fast as several.
_EQUALS, _AT, _BACKSLASH, _BLANK, _DEL = b"=@\\ \x7f"
_NULL = b":null"
_JSON = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
# What a terminal or a line reader obeys (C0, DEL, C1, line separators, marks
# and overrides of the text's direction), and what UTF-8 cannot hold.
_CONTROL = re.compile(
    r"""
    [\x00-\x1f\x7f-\x9f]
    | [\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]
    | [\ud800-\udfff]
    """,
    re.VERBOSE,
)
_NON_ASCII = re.compile(r"[^\x00-\x7f]")
# What needs no quotes in pretty output.
_PLAIN_EVENT = re.compile(r"(?!['\"]|.* \[)[^\x00-\x1f=]+")
_PLAIN_VALUE = re.compile(r"[^\s'\"=\[\]]+")

_LEVEL_COLORS = {
    "debug": 32,
    "info": 32,
    "warning": 33,
    "error": 31,
    "critical": 31,
}
_BOLD, _CYAN, _MAGENTA, _BLUE = 1, 36, 35, 34


class LineFormatter(logging.Formatter):
    """Turns a record into one line. `render` is what differs."""

    @abstractmethod
    def render(self, line: dict[str, Any], *, color: bool = False) -> bytes:
        """Return the line in UTF-8, with its line break."""

    def format(self, record: logging.LogRecord) -> str:
        return self.render(line_of(record)).decode().removesuffix("\n")


class JsonFormatter(LineFormatter):
    """One JSON object a line."""

    def render(self, line: dict[str, Any], *, color: bool = False) -> bytes:
        text = _json(line)
        # A name and its secret are joined with one of these.
        joined = _EQUALS in text or _AT in text or _BACKSLASH in text
        if joined or (_BLANK in text and b": " in text):
            line = censored(line)
            text = _json(line)
        if len(text) > MAX_LINE:
            text = _shortened(line, _json)
        return text


class PrettyFormatter(LineFormatter):
    """A line for people; a traceback follows it, indented."""

    def render(self, line: dict[str, Any], *, color: bool = False) -> bytes:
        paint = _paint if color else _plain

        def pretty(line: dict[str, Any]) -> bytes:
            return f"{_pretty(line, paint)}\n".encode()

        line = censored(line)
        text = pretty(line)
        return _shortened(line, pretty) if len(text) > MAX_LINE else text


def escape_non_ascii(text: str) -> str:
    """Return `text` for a stream that holds only ASCII; JSON stays JSON."""
    return _NON_ASCII.sub(_utf16, text)


def censored(value: Any) -> Any:
    """Return a line, or a value of one, its texts without secrets."""
    if isinstance(value, str):
        return censor(value, MAX_LINE)
    if isinstance(value, dict):
        return {censored(k): censored(v) for k, v in value.items()}
    if isinstance(value, list):
        return [censored(item) for item in value]
    return value


def _json(line: dict[str, Any]) -> bytes:
    try:
        text = orjson.dumps(line, option=_JSON)
    except TypeError:  # A lone surrogate, or a huge int.
        text = orjson.dumps(_encodable(line), option=_JSON)
    if text.find(_NULL) >= 0 and not all(map(_is_finite, line.values())):
        text = orjson.dumps(_encodable(line), option=_JSON)
    if text.isascii() and _DEL not in text:
        return text
    return _escaped(text.decode().rstrip("\n")).encode() + b"\n"


def _pretty(line: dict[str, Any], paint: Callable[[str, int], str]) -> str:
    fields = dict(line)
    created: datetime = fields.pop("timestamp")
    level = _escaped(str(fields.pop("level")))
    logger = _shown(str(fields.pop("logger")), _PLAIN_VALUE)
    event = _shown(str(fields.pop("event")), _PLAIN_EVENT)
    exception, stack = fields.pop("exception", ""), fields.pop("stack", "")
    parts = [
        f"{created.astimezone():%Y-%m-%d %H:%M:%S}",
        f"[{paint(f'{level:<9}', _LEVEL_COLORS.get(level, _BOLD))}]",
        f"{paint(event, _BOLD)} ",
        f"[{paint(logger, _BLUE)}]",
    ]
    for key, value in fields.items():
        name = paint(_shown(key, _PLAIN_VALUE), _CYAN)
        parts.append(f"{name}={paint(_shown(value, _PLAIN_VALUE), _MAGENTA)}")
    rows = f"{exception}\n{stack}".splitlines()
    below = [f"\n    {_escaped(row)}" for row in rows if row]
    return " ".join(parts) + "".join(below)


def _shortened(
    line: dict[str, Any],
    render: Callable[[dict[str, Any]], bytes],
) -> bytes:
    """Render `line` with its values cut, as far as its length asks for."""
    for half, length in _SHORTER:
        pairs = list(line.items())
        if len(pairs) > 2 * half:  # The context stands at the end.
            pairs = pairs[:half] + pairs[-half:]
        line = {key: _cut_value(value, length) for key, value in pairs}
        text = render(line)
        if len(text) <= MAX_LINE:
            break
    return text


def _cut_value(value: Any, length: int) -> Any:
    if isinstance(value, list | dict):
        text = orjson.dumps(_encodable(value)).decode()
        return cut(text, length) if len(text) > length else value
    return cut(value, length) if isinstance(value, str) else value


def _is_finite(value: Any) -> bool:
    """Whether JSON has it: NaN and the infinities would be null there."""
    return not isinstance(value, float) or math.isfinite(value)


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(k): _encodable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, int) and not MIN_INT <= value <= MAX_INT:
        return show(value)
    if not _is_finite(value):
        return repr(value)
    return value


def _shown(value: Any, plain: re.Pattern[str]) -> str:
    """Text as it is where it cannot be mistaken, else quoted."""
    text = str(_encodable(value))
    if isinstance(value, str) and not plain.fullmatch(value):
        text = repr(value)
    return _escaped(text)


def _escaped(text: str) -> str:
    return _CONTROL.sub(_utf16, text)


def _utf16(found: re.Match[str]) -> str:
    """Escape as JSON does: a character beyond U+FFFF takes two."""
    units = found[0].encode("utf-16-be", "surrogatepass").hex(" ", 2)
    return "".join(f"\\u{unit}" for unit in units.split())


def _paint(text: str, color: int) -> str:
    return f"\x1b[{color}m{text}\x1b[0m"


def _plain(text: str, color: int) -> str:
    return text
