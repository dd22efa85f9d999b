"""Logging: structlog and `logging` alike, one line each on stdout."""

import logging
import logging.config
import os
import sys
from types import FrameType
from typing import Any

import structlog
from django.conf import settings
from django.utils.log import DEFAULT_LOGGING

from .bound_logger import BoundLogger
from .environment import LogFormat, load
from .formatters import JsonFormatter, LineFormatter, PrettyFormatter
from .handlers import StdoutHandler

# They see what is logged with structlog before it becomes a line.
PROCESSORS: list[structlog.typing.Processor] = [
    # Add your own above this line.
]

# They tell too much below WARNING.
QUIET_LOGGERS = (
    "asyncio",
    "boto3",
    "botocore",
    "httpcore",
    "httpx",
    "requests",
    "s3transfer",
    "urllib3",
    # Add your own above this line.
)

# They bring handlers of their own; their lines go the common way instead.
SERVER_LOGGERS = (
    "daphne",
    "django.server",
    "gunicorn.error",
    "uvicorn",
    "uvicorn.error",
)

# Their lines say what `request_completed` says.
ACCESS_LOGGERS = (
    "gunicorn.access",
    "uvicorn.access",
)


def get_logger(name: str | None = None, **fields: Any) -> BoundLogger:
    """Return a logger of that name; `fields` are in each of its lines."""
    return BoundLogger(logging.getLogger(name), PROCESSORS, fields)


def configure_logging(level: str, format: LogFormat) -> None:
    """Send all that is logged to stdout."""
    apply_config(logging_config(level, format))
    configure_structlog()


def apply_config(config: dict[str, Any]) -> None:
    """Like `dictConfig`, but the root's handlers for other places stay."""
    others = [each for each in logging.root.handlers if not _is_console(each)]
    logging.config.dictConfig(config)
    for handler in others:
        logging.root.addHandler(handler)


def configure_structlog() -> None:
    """Make `structlog.get_logger` return what `get_logger` returns."""
    structlog.configure(
        processors=PROCESSORS,
        wrapper_class=BoundLogger,
        context_class=dict,
        logger_factory=_standard_logger,
        cache_logger_on_first_use=True,
    )


def logging_config(
    level: str | None = None,
    format: LogFormat | None = None,
) -> dict[str, Any]:
    """Return a dictionary for `settings.LOGGING`; add to it as you like.

    Without arguments the environment decides. With TELEMETRY_ENABLED=false
    it changes nothing of Django's logging.
    """
    environment = load(os.environ)
    level = level or environment.log_level
    config: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": dict(DEFAULT_LOGGING["filters"]),
        "formatters": {
            "json": {"()": JsonFormatter},
            "pretty": {"()": PrettyFormatter},
            "default": {"()": _default_formatter},
        },
        "handlers": {
            "mail_admins": dict(DEFAULT_LOGGING["handlers"]["mail_admins"]),
        },
        "loggers": {},
        "root": {"handlers": [], "level": "WARNING"},
    }
    if not environment.enabled:
        return config
    config["handlers"]["stdout"] = {
        "()": StdoutHandler,
        "formatter": format or "default",
    }
    config["root"] = {"handlers": ["stdout"], "level": level}
    # Below INFO Django tells the parameters of database queries.
    info = _not_below("INFO", level)
    warning = _not_below("WARNING", level)
    django = {"handlers": ["mail_admins"], "level": info}
    server = {"handlers": [], "level": info, "propagate": True}
    config["loggers"] = {
        "django": django,
        **dict.fromkeys(QUIET_LOGGERS, {"level": warning}),
        **dict.fromkeys(SERVER_LOGGERS, server),
        **dict.fromkeys(ACCESS_LOGGERS, {"propagate": False}),
    }
    return config


def is_configured() -> bool:
    """Whether the root logger writes lines of ours."""
    return StdoutHandler in map(type, logging.root.handlers)


def _default_formatter() -> LineFormatter:
    # Called when Django applies LOGGING, when DEBUG is known.
    debug = settings.configured and settings.DEBUG
    if load(os.environ, debug=debug).log_format == "pretty":
        return PrettyFormatter()
    return JsonFormatter()


def _standard_logger(name: str | None = None, *_: object) -> logging.Logger:
    """Return the logger of that name, or of the module that logs."""
    if name is not None:
        return logging.getLogger(name)
    frame = sys._getframe(1)
    while frame.f_back and _module(frame).startswith("structlog."):
        frame = frame.f_back
    return logging.getLogger(_module(frame))


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _not_below(floor: str, level: str) -> str:
    levels = logging.getLevelNamesMapping()
    return max(floor, level, key=levels.__getitem__)


def _is_console(handler: logging.Handler) -> bool:
    """Whether `handler` would say our lines a second time."""
    if isinstance(handler, StdoutHandler):
        return True
    if type(handler) is not logging.StreamHandler:
        return False
    consoles = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return handler.stream in consoles
