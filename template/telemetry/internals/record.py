"""The logger: each call becomes one ordinary `LogRecord`."""

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

# Attributes of every record; all others are fields.
STANDARD = frozenset(
    {*vars(logging.makeLogRecord({})), "asctime", "color_message", "message"}
)
_ORDER = list(vars(logging.makeLogRecord({})))
# Fields with such a name get `_` on a record: `name` is `name_` there. So do those
# that look like it, because `from_record` removes one: `name_` is `name__`.
_ESCAPED = frozenset(f"{name}_" for name in STANDARD)
_TO_ESCAPE = STANDARD | _ESCAPED | {f"{name}_" for name in _ESCAPED}
# The fields that each line begins with.
HEAD = ("timestamp", "level", "logger", "event")
# Set by structlog's `wrap_for_formatter` on a record, beside its dictionary.
_OF_STRUCTLOG = frozenset({"_logger", "_name"})

# Functions that return a record as our lines show it, a copy where that differs.
VIEWS: list[Callable[[logging.LogRecord], logging.LogRecord]] = []

# Arguments of a call that are not fields, unless they are plain data.
_OPTIONS = frozenset({"exc_info", "stack_info", "stacklevel"})
# Frames between the caller and `findCaller`: `_write`, and the method called.
_OWN_FRAMES = 2

# structlog's `capture_logs` puts its processor here, for all loggers at once.
STRUCTLOG_PROCESSORS: list[structlog.typing.Processor] = []


def _method(level: int) -> Any:
    def method(self: Any, event: Any = None, /, *args: Any, **fields: Any) -> None:
        if self._logger.isEnabledFor(level):
            self._write(level, event, args, fields)

    return method


def _async(method: Callable[..., None]) -> Any:
    # Not structlog's own, because they run in a thread, without the caller's frame.
    async def call(self: Any, /, *args: Any, **fields: Any) -> None:
        method(self, *args, **{"stacklevel": 2, **fields})

    return call


class BoundLogger(structlog.stdlib.BoundLogger):
    """structlog's logger. Fields may have any name; no argument raises."""

    debug = _method(logging.DEBUG)
    info = _method(logging.INFO)
    warning = warn = _method(logging.WARNING)
    error = _method(logging.ERROR)
    critical = fatal = _method(logging.CRITICAL)

    def exception(self, event: Any = None, /, *args: Any, **fields: Any) -> None:
        """Log at error level, with the exception that is being handled."""
        if self._logger.isEnabledFor(logging.ERROR):
            self._write(logging.ERROR, event, args, {"exc_info": True, **fields})

    def log(  # type: ignore[override]
        self, level: int, event: Any = None, /, *args: Any, **fields: Any
    ) -> None:
        """Log at a level of `logging`."""
        if self._logger.isEnabledFor(level):
            self._write(level, event, args, fields)

    adebug, ainfo, awarning = _async(debug), _async(info), _async(warning)
    aerror, aexception, alog = _async(error), _async(exception), _async(log)
    acritical = afatal = _async(critical)

    def _write(self, level: int, event: Any, args: Any, fields: dict[str, Any]) -> None:
        logger: logging.Logger = self._logger
        try:
            if self._processors:
                name = logging.getLevelName(level).lower()
                given = {**fields, "event": event}
                fields = dict(self._process_event(name, None, given)[1])
                event = fields.pop("event", event)
            elif self._context:
                fields = {**self._context, **fields}
            error, stack_info, stacklevel = None, False, 1
            if not _OPTIONS.isdisjoint(fields):
                error = _exception(fields)
                stack_info = _take(fields, "stack_info", bool) or False
                stacklevel = _take(fields, "stacklevel", int) or 1
            path, line, function, stack = logger.findCaller(
                stack_info, stacklevel + _OWN_FRAMES
            )
            place, extra = (logger.name, level, path, line), to_attributes(fields)
            logger.handle(
                logger.makeRecord(*place, event, args, error, function, extra, stack)
            )
        except structlog.DropEvent:
            pass
        except Exception:  # A filter or a handler of the project's own.
            with suppress(Exception):
                record = logging.makeLogRecord({"name": logger.name, "msg": event})
                logging.Handler().handleError(record)


def get_logger(name: str | None = None, **fields: Any) -> BoundLogger:
    """Return a logger of that name; `fields` are in each of its lines."""
    return BoundLogger(logging.getLogger(name), STRUCTLOG_PROCESSORS, fields)


def configure_structlog() -> None:
    """Make `structlog.get_logger` return what `get_logger` returns."""
    logger_class = logging.getLoggerClass()
    structlog.configure(
        processors=STRUCTLOG_PROCESSORS,
        wrapper_class=BoundLogger,
        context_class=dict,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    # structlog's factory replaces the class of all loggers (25.1), which belongs
    # to the project.
    logging.setLoggerClass(logger_class)


def to_attributes(fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields` under names that a record has free."""
    if _TO_ESCAPE.isdisjoint(fields):
        return fields
    return {f"{key}_" if key in _TO_ESCAPE else key: fields[key] for key in fields}


def from_record(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields that a record carries; the inverse of `to_attributes`."""
    attributes = vars(record)
    keys = list(attributes)
    # Optimisation: `logging` sets its own attributes first, hence the rest only.
    start = len(_ORDER) if keys[: len(_ORDER)] == _ORDER else 0
    fields = {key: attributes[key] for key in keys[start:] if key not in STANDARD}
    if not _ESCAPED.isdisjoint(fields):
        fields = {
            key[:-1] if key in _TO_ESCAPE else key: value
            for key, value in fields.items()
        }
    message: Any = record.msg
    if issubclass(type(message), dict) and "event" in message:
        # From structlog's `ProcessorFormatter.wrap_for_formatter`.
        fields = {k: v for k, v in fields.items() if k not in _OF_STRUCTLOG}
        fields |= {k: v for k, v in message.items() if k not in HEAD}
    return fields


def _take(fields: dict[str, Any], name: str, kind: type) -> Any:
    # Not `isinstance`, because that evaluates a lazy object, with a query perhaps.
    return fields.pop(name) if issubclass(type(fields.get(name)), kind) else None


def _exception(fields: dict[str, Any]) -> Any:
    """Take `exc_info` from `fields`, as `logging` has it; plain data stays there."""
    given: Any = fields.get("exc_info")
    if given is True:
        given = sys.exception()
    if type(given) is tuple and len(given) == 3:
        given = given[1]
    if issubclass(type(given), BaseException):
        del fields["exc_info"]
        traceback = None
        with suppress(Exception):  # An exception's own attributes can raise.
            traceback = given.__traceback__
        return type(given), given, traceback
    if given is None or given is False:
        fields.pop("exc_info", None)
    return None
