"""Servers that configure logging themselves, some of them after Django."""

import logging
from functools import cache

from django.core.signals import request_started

_LOGGERS = (
    "gunicorn.error",
    "hypercorn.error",
    "uvicorn",
    "uvicorn.access",
    "uvicorn.error",
)


def take_over_servers() -> None:
    """Make servers log through the root logger, now and when they start late.

    Only a server's own default handlers go; files that it was told to write stay.
    """
    _take_over()
    request_started.connect(_take_over)


@cache
def take_over_late_servers() -> None:
    """Do the same at the first connection, which sends no `request_started`."""
    _take_over()


def is_configured() -> bool:
    """Return True if a handler of the root logger writes our lines."""
    return any(writes_our_lines(handler) for handler in logging.root.handlers)


def writes_our_lines(handler: logging.Handler) -> bool:
    return getattr(handler.formatter, "is_telemetry", False)


def _take_over(**_: object) -> None:
    if not is_configured():
        return
    # Once after a server has configured logging is enough.
    request_started.disconnect(_take_over)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        for handler in logger.handlers[:]:
            if _is_default(handler, name):
                logger.removeHandler(handler)
        if not logger.handlers:
            logger.propagate = True


def _is_default(handler: logging.Handler, server: str) -> bool:
    """Return True for a handler that the server adds when nobody configures it.

    It writes to a standard stream, and has the server's own formatter, or no name
    because no `dictConfig` has made it.
    """
    package = server.partition(".")[0]
    has_own_formatter = type(handler.formatter).__module__.startswith(package)
    is_stream = type(handler) is logging.StreamHandler
    return is_stream and (has_own_formatter or handler.name is None)
