"""The logger: structlog's interface, `logging`'s levels and listeners, and a short way between."""

import logging
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import structlog

from .exceptions import exception_fields, exception_of
from .handlers import StdoutHandler
from .lines import LINE_ATTRIBUTE, WRITTEN_ATTRIBUTE, line
from .serialization import show

# Tools such as Sentry's replace these to see every record.
_STANDARD = (logging.Logger.handle, logging.Logger.callHandlers, logging.Logger.makeRecord)
# Arguments that `logging` knows, and so no fields.
_OPTIONS = frozenset({"exc_info", "stack_info", "stacklevel"})
# Attributes of a record that `logging` sets when it formats one.
_TAKEN = frozenset({"asctime", "message"})


class BoundLogger(structlog.BoundLoggerBase):
    """A structlog logger over one of `logging`.

    Its line goes straight to our handler. A `LogRecord` is made only where somebody else
    listens too: another handler, a filter, or a tool that has replaced a method of `Logger`.
    Nothing that is passed can raise into the caller.
    """

    _logger: logging.Logger

    def debug(self, event: object = None, *args: object, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.DEBUG):
            self._emit(logging.DEBUG, "debug", event, args, fields)

    def info(self, event: object = None, *args: object, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.INFO):
            self._emit(logging.INFO, "info", event, args, fields)

    def warning(self, event: object = None, *args: object, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.WARNING):
            self._emit(logging.WARNING, "warning", event, args, fields)

    def error(self, event: object = None, *args: object, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.ERROR):
            self._emit(logging.ERROR, "error", event, args, fields)

    def critical(self, event: object = None, *args: object, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.CRITICAL):
            self._emit(logging.CRITICAL, "critical", event, args, fields)

    def exception(self, event: object = None, *args: object, **fields: Any) -> None:
        """Log at error level with the exception that is being handled."""
        if self._logger.isEnabledFor(logging.ERROR):
            fields.setdefault("exc_info", True)
            self._emit(logging.ERROR, "error", event, args, fields)

    def log(self, level: int, event: object = None, *args: object, **fields: Any) -> None:
        """Log at a level of `logging`, such as `logging.INFO`."""
        if self._logger.isEnabledFor(level):
            self._emit(level, logging.getLevelName(level).lower(), event, args, fields)

    warn = warning
    fatal = critical
    msg = info

    async def adebug(self, event: object = None, *args: object, **fields: Any) -> None:
        self.debug(event, *args, **fields)

    async def ainfo(self, event: object = None, *args: object, **fields: Any) -> None:
        self.info(event, *args, **fields)

    async def awarning(self, event: object = None, *args: object, **fields: Any) -> None:
        self.warning(event, *args, **fields)

    async def aerror(self, event: object = None, *args: object, **fields: Any) -> None:
        self.error(event, *args, **fields)

    async def acritical(self, event: object = None, *args: object, **fields: Any) -> None:
        self.critical(event, *args, **fields)

    async def aexception(self, event: object = None, *args: object, **fields: Any) -> None:
        self.exception(event, *args, **fields)

    async def alog(self, level: int, event: object = None, *args: object, **fields: Any) -> None:
        self.log(level, event, *args, **fields)

    def isEnabledFor(self, level: int) -> bool:
        """Whether a line of `level` would be written; named as in `logging`."""
        return self._logger.isEnabledFor(level)

    is_enabled_for = isEnabledFor

    def _emit(
        self,
        level: int,
        name: str,
        event: object,
        args: tuple[object, ...],
        fields: dict[str, Any],
    ) -> None:
        try:
            if self._context:
                fields = {**self._context, **fields}
            if self._processors:
                event, fields = self._process(name, event, fields)
            if args or type(event) is not str:
                event = _text(event, args)
            options = {}
            if not _OPTIONS.isdisjoint(fields):
                options = {key: fields[key] for key in _OPTIONS if key in fields}
                fields = _without_options(fields, options)
            self._hand_on(level, line(datetime.now(UTC), name, self._logger.name, event, fields), options)
        except structlog.DropEvent:
            pass
        except Exception:
            _complain()

    def _process(
        self, name: str, event: object, fields: dict[str, Any]
    ) -> tuple[object, dict[str, Any]]:
        """Run structlog's processors; what they return may be the line's fields or its text."""
        processed: Any = {**fields, "event": event}
        for processor in self._processors:
            processed = processor(self._logger, name, processed)
        if isinstance(processed, dict):
            return processed.pop("event", None), processed
        return processed, {}

    def _hand_on(self, level: int, line: dict[str, Any], options: dict[str, Any]) -> None:
        ours, others = _listeners(self._logger)
        if ours is not None and level >= ours.level:
            ours.write_line(line)
        if others:
            self._logger.handle(self._record(level, line, options, ours))

    def _record(
        self,
        level: int,
        line: dict[str, Any],
        options: dict[str, Any],
        written_by: StdoutHandler | None,
    ) -> logging.LogRecord:
        """A full record: event as message, each field an attribute where the name is free."""
        error = exception_of(options.get("exc_info"))
        # This method, `_hand_on`, `_emit`, the method called, its caller.
        file, number, function, stack = self._logger.findCaller(
            bool(options.get("stack_info")), 4 + int(options.get("stacklevel", 1))
        )
        record = self._logger.makeRecord(
            self._logger.name,
            level,
            file,
            number,
            line["event"],
            (),
            (type(error), error, error.__traceback__) if error else None,
            function,
            sinfo=stack,
        )
        for name, value in line.items():
            if name not in _TAKEN:
                record.__dict__.setdefault(name, value)
        record.__dict__[LINE_ATTRIBUTE] = line
        record.__dict__[WRITTEN_ATTRIBUTE] = written_by
        return record


def _listeners(logger: logging.Logger) -> tuple[StdoutHandler | None, bool]:
    """Return the handler of ours that `logger` reaches, and whether a record is needed as well."""
    kind = type(logger)
    others = (kind.handle, kind.callHandlers, kind.makeRecord) != _STANDARD
    if logger.filters:
        return None, True
    ours = None
    node: logging.Logger | None = logger
    while node is not None:
        for handler in node.handlers:
            if ours is None and type(handler) is StdoutHandler and handler.direct:
                ours = handler
            else:
                others = True
        node = node.parent if node.propagate else None
    return ours, others or ours is None


def _text(event: object, args: tuple[object, ...]) -> str:
    text = event if isinstance(event, str) else show(event)
    if not args:
        return text
    try:
        return text % (args[0] if len(args) == 1 and isinstance(args[0], Mapping) else args)
    except Exception:  # Arguments that do not fit the message, or that cannot be shown.
        return f"{text} {show(args)}"


def _without_options(fields: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    fields = {key: value for key, value in fields.items() if key not in options}
    exc_info = options.get("exc_info")
    error = exception_of(exc_info if exc_info is not True else sys.exc_info())
    options["exc_info"] = error
    if error is not None:
        fields |= exception_fields(error)
    if options.get("stack_info"):
        fields["stack"] = "".join(traceback.format_stack(sys._getframe(3)))
    return fields


def _complain() -> None:
    """Tell of an error of logging itself, as `logging` does, on stderr."""
    if logging.raiseExceptions and sys.stderr:
        with suppress(Exception):
            traceback.print_exc(file=sys.stderr)
