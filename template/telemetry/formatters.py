"""Formatters: the fields of a line become its text, in JSON or pretty."""

import logging
import re
from abc import abstractmethod
from datetime import datetime
from itertools import islice
from typing import Any

import orjson

from .lines import line_of
from .redaction import redact_url_credentials
from .serialization import MAX_INT, MAX_TEXT, MIN_INT, cut, show

# In bytes. The values of a longer line are cut.
MAX_LINE = 64 * 1024
# Fields that such a line keeps.
MAX_FIELDS = 100

_AT, _DEL = b"@\x7f"
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
# What needs no quotes in pretty output.
_PLAIN_EVENT = re.compile(r"[^\x00-\x1f=]+")
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
        text = _dumps(line)
        if len(text) > MAX_LINE:
            text = _dumps_short(line)
        # One byte is found six times as fast as several.
        if _AT in text:
            text = redact_url_credentials(text.decode()).encode()
        if not text.isascii() or _DEL in text:
            text = _escaped(text.decode().rstrip("\n")).encode() + b"\n"
        return text


class PrettyFormatter(LineFormatter):
    """A line for people; a traceback follows it, indented."""

    def render(self, line: dict[str, Any], *, color: bool = False) -> bytes:
        paint = _paint if color else _plain
        fields = dict(line)
        created: datetime = fields.pop("timestamp")
        level = _escaped(str(fields.pop("level")))
        logger = _escaped(str(fields.pop("logger")))
        event = _shown(str(fields.pop("event")), _PLAIN_EVENT)
        exception, stack = fields.pop("exception", ""), fields.pop("stack", "")
        parts = [
            f"{created.astimezone():%Y-%m-%d %H:%M:%S}",
            f"[{paint(f'{level:<9}', _LEVEL_COLORS.get(level, _BOLD))}]",
            f"{paint(event, _BOLD)} ",
            f"[{paint(logger, _BLUE)}]",
        ]
        for key, value in islice(fields.items(), MAX_FIELDS):
            shown = paint(_shown(value, _PLAIN_VALUE), _MAGENTA)
            parts.append(f"{paint(_escaped(key), _CYAN)}={shown}")
        text = " ".join(parts)
        for row in f"{exception}\n{stack}".splitlines():
            text += f"\n    {_escaped(row)}" if row else ""
        return redact_url_credentials(cut(text, MAX_LINE)).encode() + b"\n"


def _dumps(line: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(line, option=_JSON)
    except TypeError:  # A lone surrogate, a huge int, an odd time zone.
        return orjson.dumps(_encodable(line), option=_JSON)


def _dumps_short(line: dict[str, Any]) -> bytes:
    line = dict(islice(line.items(), MAX_FIELDS))
    for length in (MAX_TEXT, MAX_TEXT // 10, MAX_TEXT // 100):
        line = {key: _shortened(value, length) for key, value in line.items()}
        text = _dumps(line)
        if len(text) <= MAX_LINE:
            break
    return text


def _shortened(value: Any, length: int) -> Any:
    if isinstance(value, list | dict):
        text = orjson.dumps(_encodable(value), default=str).decode()
        return cut(text, length) if len(text) > length else value
    return cut(value, length) if isinstance(value, str) else value


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(k): _encodable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int) and not MIN_INT <= value <= MAX_INT:
        return show(value)
    return value


def _shown(value: Any, plain: re.Pattern[str]) -> str:
    """Text as it is where it cannot be mistaken, else quoted."""
    text = str(value)
    if isinstance(value, str) and not plain.fullmatch(value):
        text = repr(value)
    return _escaped(text)


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _paint(text: str, color: int) -> str:
    return f"\x1b[{color}m{text}\x1b[0m"


def _plain(text: str, color: int) -> str:
    return text
