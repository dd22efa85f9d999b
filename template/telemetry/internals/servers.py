"""Servers that configure logging themselves, some of them after Django."""

import logging

from django.core.signals import request_started

_LOGGERS = (
    "gunicorn.error",
    "hypercorn.error",
    "uvicorn",
    "uvicorn.access",
    "uvicorn.error",
)


def take_over_servers(**_: object) -> None:
    """Make servers log through the root logger, as a receiver of `request_started` too.

    Only a server's own default handlers go; files that it was told to write stay.
    """
    if not is_configured():
        return
    # Once, because a server has configured logging before its first request.
    request_started.disconnect(take_over_servers)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        for handler in logger.handlers[:]:
            if _is_default(handler, name):
                logger.removeHandler(handler)
        if not logger.handlers:
            logger.propagate = True


def is_configured() -> bool:
    """Return True if a handler of the root logger writes our lines."""
    return any(writes_our_lines(handler) for handler in logging.root.handlers)


def writes_our_lines(handler: logging.Handler) -> bool:
    return getattr(handler.formatter, "is_telemetry", False)


def _is_default(handler: logging.Handler, server: str) -> bool:
    """Return True for a handler that the server adds when nobody configures it.

    It writes to a standard stream, and has the server's own formatter, or no name
    because no `dictConfig` has made it.
    """
    package = server.partition(".")[0]
    has_own_formatter = type(handler.formatter).__module__.startswith(package)
    is_stream = type(handler) is logging.StreamHandler
    return is_stream and (has_own_formatter or handler.name is None)
