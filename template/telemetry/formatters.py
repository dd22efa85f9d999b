"""Formatters: a record becomes one line, JSON or pretty."""

import logging
import re
import traceback
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

from . import context
from .values import (
    MAX_INT,
    MIN_INT,
    clean,
    clean_value,
    cut,
    show,
    showing,
)

# In bytes. The values of a longer line are cut.
MAX_LINE = 64 * 1024
# How: the fields kept at each end, the characters kept of each.
_SHORTER = ((50, 600), (10, 100))

# Attributes of every record; what else it carries are fields.
STANDARD = frozenset(
    {
        *logging.makeLogRecord({}).__dict__,
        "asctime",
        "color_message",
        "message",
        "taskName",
    }
)
_CONTAINERS = (Mapping, list, tuple, set)
_HEAD = frozenset({"timestamp", "level", "logger", "event"})

# What a terminal or a reader of lines obeys (C0, DEL, C1, line separators,
# marks of the text's direction), and what UTF-8 cannot hold.
_BYTES = "\x00-\x1f\x7f-\x9f"
_MARKS = "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_CONTROL = re.compile(f"[{_BYTES}{_MARKS}\ud800-\udfff]")
_NON_ASCII = re.compile("[^\x00-\x7f]")
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
    """Makes the fields of a line from a record; `render` writes them.

    `processors` are structlog's; one that raises `DropEvent` drops the line.
    """

    def __init__(
        self,
        processors: Sequence[structlog.typing.Processor] = (),
    ) -> None:
        super().__init__()
        self.processors = processors

    @abstractmethod
    def render(self, line: dict[str, Any]) -> str:
        """Return the line without its line break."""

    def format(self, record: logging.LogRecord) -> str:
        return self.text(self.line(record))

    def text(self, line: dict[str, Any]) -> str:
        """Return a clean line as text, cut if it is longer than MAX_LINE."""
        text = self.render(line)
        for fields, length in _SHORTER:
            if not _is_too_long(text):
                break
            text = self.render(_shortened(line, fields, length))
        return text

    def line(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return head fields, the event's own, then the context."""
        attributes = record.__dict__
        fields: dict[str, Any] = {}
        for name in attributes:
            if name not in STANDARD:
                fields[_field_name(name)] = attributes[name]
        if record.exc_info and record.exc_info[1] is not None:
            fields |= exception_fields(record.exc_info[1])
        if record.stack_info:
            fields["stack"] = record.stack_info
        line = with_context(
            record.created,
            record.levelname,
            record.name,
            _message(record),
            fields,
        )
        if self.processors:
            line = self._processed(line, record)
        return clean(line)

    def _processed(
        self,
        line: dict[str, Any],
        record: logging.LogRecord,
    ) -> dict[str, Any]:
        processed: Any = {**line, "_record": record}
        logger = logging.getLogger(record.name)
        try:
            for processor in self.processors:
                processed = processor(logger, line["level"], processed)
            return {k: processed[k] for k in processed if k != "_record"}
        except structlog.DropEvent:
            raise
        except Exception as error:
            # Without the fields: a processor may have had to hide them.
            head = {name: line[name] for name in line if name in _HEAD}
            return {**head, "processor_error": show(error)}


def with_context(
    created: float,
    level: str,
    logger: str,
    event: str,
    fields: dict[str, Any],
) -> dict[str, Any]:
    """Return a line: its head, the event's own fields, then the context."""
    if not _HEAD.isdisjoint(fields):
        fields = _apart_from_head(fields)
    line = {
        "timestamp": _timestamp(created),
        "level": level.lower(),
        "logger": logger,
        "event": event,
        **fields,
    }
    bound = context.current()
    for enrich in context.ENRICHERS:
        bound |= enrich()
    if line.keys().isdisjoint(bound):
        return line | bound
    return line | _apart_from_head(bound) | fields


def _apart_from_head(fields: dict[str, Any]) -> dict[str, Any]:
    taken = {name: f"{name}_" for name in _HEAD}
    return {taken.get(name, name): fields[name] for name in fields}


class JsonFormatter(LineFormatter):
    """One JSON object a line."""

    def render(self, line: dict[str, Any]) -> str:
        try:
            text = orjson.dumps(line, option=orjson.OPT_UTC_Z).decode()
        except TypeError:  # A lone surrogate, or a huge int.
            text = orjson.dumps(_encodable(line)).decode()
        return text if text.isascii() and "\x7f" not in text else escape(text)


class PrettyFormatter(LineFormatter):
    """A line for people; a traceback follows it, indented."""

    def __init__(
        self,
        processors: Sequence[structlog.typing.Processor] = (),
        *,
        color: bool = False,
    ) -> None:
        super().__init__(processors)
        self._paint = _paint if color else _unpainted

    def render(self, line: dict[str, Any]) -> str:
        paint = self._paint
        fields = dict(line)
        level = escape(str(fields.pop("level", "")))
        event = _shown(str(fields.pop("event", "")), _PLAIN_EVENT)
        logger = _shown(str(fields.pop("logger", "")), _PLAIN_VALUE)
        exception, stack = fields.pop("exception", ""), fields.pop("stack", "")
        parts = [
            _local(fields.pop("timestamp", "")),
            f"[{paint(f'{level:<9}', _LEVEL_COLORS.get(level, _BOLD))}]",
            f"{paint(event, _BOLD)} ",
            f"[{paint(logger, _BLUE)}]",
        ]
        for key, value in fields.items():
            name = paint(_shown(key, _PLAIN_VALUE), _CYAN)
            shown = paint(_shown(value, _PLAIN_VALUE), _MAGENTA)
            parts.append(f"{name}={shown}")
        rows = f"{exception}\n{stack}".splitlines()
        below = [f"\n    {escape(row)}" for row in rows if row]
        return " ".join(parts) + "".join(below)


def exception_fields(error: BaseException) -> dict[str, Any]:
    """Return `error.type`, `error.message` and the traceback, `exception`."""
    try:
        message = str.__str__(str(error))
    except Exception as failure:
        message = f"<its str raised {type(failure).__qualname__}>"
    try:
        text = "".join(traceback.format_exception(error)).rstrip("\n")
    except Exception as failure:
        text = f"<its traceback raised {type(failure).__qualname__}>"
    return {
        "error.type": type_name(type(error)),
        "error.message": message,
        "exception": text,
    }


def type_name(kind: type) -> str:
    """Return the name with its module, unless that is `builtins`."""
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def record_attribute(field: str) -> str:
    """Return the attribute of a record that holds `field`.

    `logging` has attributes of its own, such as `name`.
    """
    return f"{field}_" if field in STANDARD else field


def escape(text: str, *, only_ascii: bool = False) -> str:
    """Escape control characters, or all beyond ASCII, as JSON does."""
    return (_NON_ASCII if only_ascii else _CONTROL).sub(_escaped, text)


def _field_name(attribute: str) -> str:
    """Return the field that `attribute` of a record holds."""
    name = attribute.removesuffix("_")
    return name if name in STANDARD else attribute


def _timestamp(seconds: float) -> datetime | str:
    moment = datetime.fromtimestamp(seconds, UTC)
    if moment.microsecond:
        return moment
    # orjson leaves out a fraction of 0.
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000000Z"


def _local(timestamp: Any) -> str:
    if isinstance(timestamp, datetime):
        return f"{timestamp.astimezone():%Y-%m-%d %H:%M:%S}"
    return escape(str(timestamp))


def event_text(event: Any) -> str:
    """Return `event` as text; never raises."""
    if type(event) is str:
        return event
    # `isinstance` would resolve a lazy object.
    if issubclass(type(event), _CONTAINERS):
        event = clean_value(event)
    try:
        with showing():
            return str.__str__(str(event))
    except Exception:
        return show(event)


def _message(record: logging.LogRecord) -> str:
    text = event_text(record.msg)
    if record.args:
        args = _clean_args(record.args)
        try:
            with showing():
                text = str(text % args)
        except Exception:  # Arguments that do not fit, or that raise.
            text = f"{text} {clean_value(args)}"
    return text.rstrip("\n")


def _clean_args(args: Any) -> Any:
    """Hide secrets in containers; other values format themselves."""
    if isinstance(args, Mapping):
        return clean(dict(args))
    return tuple(map(_clean_arg, args))


def _clean_arg(arg: Any) -> Any:
    return clean_value(arg) if issubclass(type(arg), _CONTAINERS) else arg


def _is_too_long(text: str) -> bool:
    # A character has up to four bytes.
    return len(text) * 4 > MAX_LINE and len(text.encode()) > MAX_LINE


def _shortened(
    line: dict[str, Any],
    fields: int,
    length: int,
) -> dict[str, Any]:
    """Return the first and the last `fields`, their values cut to `length`."""
    pairs = list(line.items())
    if len(pairs) > 2 * fields:  # The context stands at the end.
        pairs = pairs[:fields] + pairs[-fields:]
    return {key: _cut(value, length) for key, value in pairs}


def _cut(value: Any, length: int) -> Any:
    if isinstance(value, list | dict):
        value = orjson.dumps(_encodable(value)).decode()
    return cut(value, length) if isinstance(value, str) else value


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(k): _encodable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, int) and not MIN_INT <= value <= MAX_INT:
        return show(value)
    return value


def _shown(value: Any, plain: re.Pattern[str]) -> str:
    """Return text as it is where it cannot be mistaken, else quoted."""
    text = str(_encodable(value))
    if isinstance(value, str) and not plain.fullmatch(value):
        text = repr(value)
    return escape(text)


def _escaped(found: re.Match[str]) -> str:
    # A character beyond U+FFFF takes two units.
    units = found[0].encode("utf-16-be", "surrogatepass").hex(" ", 2)
    return "".join(f"\\u{unit}" for unit in units.split())


def _paint(text: str, color: int) -> str:
    return f"\x1b[{color}m{text}\x1b[0m"


def _unpainted(text: str, color: int) -> str:
    return text
