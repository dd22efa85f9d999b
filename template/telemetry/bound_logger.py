"""The logger: structlog's interface over the levels of `logging`."""

import logging
import threading
from datetime import UTC, datetime
from functools import cache
from typing import Any

import structlog

from .call_options import OPTIONS, without_options
from .handlers import StdoutHandler, complain
from .lines import LINE_ATTRIBUTE, WRITTEN_ATTRIBUTE, line
from .listeners import listeners
from .messages import message
from .representation import show
from .serialization import clean

# How often other handlers see what they log themselves, and so on.
MAX_NESTED = 2

# Attributes of a record that `logging` sets when it formats one.
_TAKEN = frozenset({"asctime", "message"})

_telling = threading.local()


class BoundLogger(structlog.BoundLoggerBase):
    """A structlog logger over one of `logging`.

    A line goes straight to our handler. A `LogRecord` is made only where
    somebody else listens too: another handler, a filter, or a tool that has
    replaced a method of `Logger`. Nothing that is passed raises into the
    caller.
    """

    _logger: logging.Logger

    def debug(self, event: Any = None, /, *args: Any, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.DEBUG):
            self._emit(logging.DEBUG, "debug", event, args, fields)

    def info(self, event: Any = None, /, *args: Any, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.INFO):
            self._emit(logging.INFO, "info", event, args, fields)

    def warning(self, event: Any = None, /, *args: Any, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.WARNING):
            self._emit(logging.WARNING, "warning", event, args, fields)

    def error(self, event: Any = None, /, *args: Any, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.ERROR):
            self._emit(logging.ERROR, "error", event, args, fields)

    def critical(
        self,
        event: Any = None,
        /,
        *args: Any,
        **fields: Any,
    ) -> None:
        if self._logger.isEnabledFor(logging.CRITICAL):
            self._emit(logging.CRITICAL, "critical", event, args, fields)

    def exception(
        self,
        event: Any = None,
        /,
        *args: Any,
        **fields: Any,
    ) -> None:
        """Log at error level with the exception that is being handled."""
        if self._logger.isEnabledFor(logging.ERROR):
            fields.setdefault("exc_info", True)
            self._emit(logging.ERROR, "error", event, args, fields)

    def log(self, level: int, /, *args: Any, **fields: Any) -> None:
        """Log at a level of `logging`, such as `logging.INFO`."""
        if self._logger.isEnabledFor(level):
            name = _name_of(level)
            event, *rest = args or (None,)
            self._emit(level, name, event, tuple(rest), fields)

    def emit(self, level: int, event: str, fields: dict[str, Any]) -> None:
        """Log `fields` that need no cleaning: harmless keys, plain values."""
        if self._logger.isEnabledFor(level):
            name = _name_of(level)
            self._emit(level, name, event, (), fields, fields)

    warn = warning
    fatal = critical
    msg = info

    async def adebug(self, /, *args: Any, **fields: Any) -> None:
        self.debug(*args, **fields)

    async def ainfo(self, /, *args: Any, **fields: Any) -> None:
        self.info(*args, **fields)

    async def awarning(self, /, *args: Any, **fields: Any) -> None:
        self.warning(*args, **fields)

    async def aerror(self, /, *args: Any, **fields: Any) -> None:
        self.error(*args, **fields)

    async def acritical(self, /, *args: Any, **fields: Any) -> None:
        self.critical(*args, **fields)

    async def aexception(self, /, *args: Any, **fields: Any) -> None:
        self.exception(*args, **fields)

    async def alog(self, level: int, /, *args: Any, **fields: Any) -> None:
        self.log(level, *args, **fields)

    def isEnabledFor(self, level: int) -> bool:
        """Whether a line of `level` would be written."""
        return self._logger.isEnabledFor(level)

    is_enabled_for = isEnabledFor

    def _emit(
        self,
        level: int,
        name: str,
        event: Any,
        args: tuple[Any, ...],
        fields: dict[str, Any],
        plain: dict[str, Any] | None = None,
    ) -> None:
        try:
            if self._context:
                fields = {**self._context, **fields}
            if self._processors:
                event, fields = self._process(name, event, fields)
            options: dict[str, Any] = {}
            if fields is not plain:
                if args or type(event) is not str:
                    if event is None:
                        event = fields.pop("event", None)
                    event = message(event, args)
                if not OPTIONS.isdisjoint(fields):
                    options, fields = without_options(fields)
                fields = clean(fields)
            now = datetime.now(UTC)
            whole = line(now, name, self._logger.name, event, fields)
            ours, others = listeners(self._logger)
            if ours is not None and level >= ours.level:
                ours.write_line(whole)
            if others:
                self._tell_others(level, whole, options, ours)
        except structlog.DropEvent:
            pass
        except Exception:
            complain()

    def _process(
        self,
        name: str,
        event: Any,
        fields: dict[str, Any],
    ) -> tuple[Any, dict[str, Any]]:
        """Run structlog's processors: to the line's fields, or its text."""
        processed: Any = {**fields, "event": event}
        try:
            for processor in self._processors:
                processed = processor(self._logger, name, processed)
        except structlog.DropEvent:
            raise
        except Exception as error:
            # Without the fields: perhaps they should have been hidden.
            return event, {"processor_error": show(error)}
        if isinstance(processed, dict):
            return processed.pop("event", None), processed
        return processed, {}

    def _tell_others(
        self,
        level: int,
        line: dict[str, Any],
        options: dict[str, Any],
        written_by: StdoutHandler | None,
    ) -> None:
        nested = getattr(_telling, "nested", 0)
        if nested == MAX_NESTED:
            return
        record = self._record(level, line, options)
        record.__dict__[WRITTEN_ATTRIBUTE] = written_by
        _telling.nested = nested + 1
        try:
            self._logger.handle(record)
        finally:
            _telling.nested = nested

    def _record(
        self,
        level: int,
        line: dict[str, Any],
        options: dict[str, Any],
    ) -> logging.LogRecord:
        """The event as message, each field an attribute with a free name."""
        error = options.get("exc_info")
        # `_record`, `_tell_others`, `_emit`, the method called, its caller.
        depth = 4 + options.get("stacklevel", 1)
        stack_info = options.get("stack_info", False)
        caller = self._logger.findCaller(stack_info, depth)
        file, number, function, stack = caller
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
        return record


@cache
def _name_of(level: int) -> str:
    return logging.getLevelName(level).lower()
