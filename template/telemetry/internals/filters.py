"""Filters for handlers that write our lines: no duplicates, and the context."""

import copy
import logging
import sys
from contextvars import ContextVar
from typing import Any

from .errors import exception_fields
from .record import to_attributes
from .scope import enriched

# The attribute of a request that holds its `RequestRun`.
REQUEST_ATTRIBUTE = "_telemetry"
# Loggers of servers' access lines, which follow the response or its headers.
ACCESS_LOGGERS = frozenset(
    {"django.server", "django.channels.server", "uvicorn.access"}
)

# The run whose line is being logged.
run_being_logged: ContextVar[Any] = ContextVar(
    "telemetry_run_being_logged", default=None
)
# Whether the server's access line is covered: None is no, True is yes, and the
# time of the record that was left out, so that the next one, of a static file on
# the same connection, is not.
access_line: ContextVar[bool | float | None] = ContextVar(
    "telemetry_access_line", default=None
)


class RequestFilter(logging.Filter):
    """Leaves out Django's and servers' records that a request's own line covers."""

    def filter(self, record: logging.LogRecord) -> bool:
        if run := run_being_logged.get():
            run.is_written = True
        if record.name in ACCESS_LOGGERS:
            return not _is_covered_access_line(record)
        run = getattr(vars(record).get("request"), REQUEST_ATTRIBUTE, None)
        return run is None or not run.covers(record)


class ContextFilter(logging.Filter):
    """Puts the context on a record, for a handler that formats it elsewhere.

    A `QueueHandler` needs it, because its listener runs in another thread.
    """

    def filter(self, record: logging.LogRecord) -> Any:
        fields = enriched()
        # A copy, so that other handlers see the record that was logged; Python 3.11
        # does not let a filter replace it.
        if can_replace := sys.version_info >= (3, 12):
            record = copy.copy(record)
            if record.exc_info and record.exc_info[1]:
                # As fields, because a `QueueHandler` adds it to the message.
                fields |= exception_fields(record.exc_info[1])
                record.exc_info = None
        for key, value in to_attributes(fields).items():
            vars(record).setdefault(key, value)
        return record if can_replace else True


def replay(record: logging.LogRecord, kind: type[logging.Filter]) -> None:
    """Hand a record to the handlers where a filter of that kind has left it out."""
    logger: logging.Logger | None = logging.getLogger(record.name)
    while logger:
        for handler in logger.handlers:
            is_filtered = any(isinstance(f, kind) for f in handler.filters)
            if is_filtered and record.levelno >= handler.level:
                handler.handle(record)
        logger = logger.parent if logger.propagate else None


def _is_covered_access_line(record: logging.LogRecord) -> bool:
    state = access_line.get()
    if state is True:
        access_line.set(record.created)
    return state is True or state == record.created
