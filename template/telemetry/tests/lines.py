"""What tests share: the lines that come out, and a small site to ask.

Nothing here depends on the project's settings, environment or loggers.
"""

import io
import json
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC
from typing import Any
from unittest.mock import patch

import orjson
from django.apps import apps
from django.db import connections
from django.test import SimpleTestCase, override_settings
from django.utils.module_loading import import_string
from structlog.contextvars import clear_contextvars

from .. import fields
from ..internals.environment import environment
from ..internals.formatters import LineFormatter
from ..internals.record import configure_structlog
from ..labels import extract_labels
from ..logging import logging_config

Line = dict[str, Any]

# The middleware of a new Django project, with ours before it.
MIDDLEWARE = [
    f"{__package__.rpartition('.')[0]}.middleware.TelemetryMiddleware",
    "django.middleware.common.CommonMiddleware",
]
if apps.is_installed("django.contrib.auth"):
    MIDDLEWARE += [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]

small_site = override_settings(
    ALLOWED_HOSTS=["testserver"],
    APPEND_SLASH=True,
    DEBUG=False,
    DEBUG_PROPAGATE_EXCEPTIONS=False,
    FORCE_SCRIPT_NAME=None,
    MIDDLEWARE=MIDDLEWARE,
    PREPEND_WWW=False,
    ROOT_URLCONF=f"{__package__}.urls",
    SECRET_KEY="only-for-tests",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    TEMPLATES=[],
)

# Fields of their own, so that no edit of `fields.py` or `labels.py` changes tests.
FIELDS: dict[str, Any] = {
    "EVERY_LINE": {},
    "NAMES": {},
    "TIMEZONE": UTC,
    "trusts_request_id": lambda address: environment().trust_request_id,
    "user_fields": lambda user_id, user: {"user.id": user_id},
    "request_fields": lambda request, request_id: extract_labels(request.path),
    "request_line_fields": lambda request: {},
    "completion_fields": lambda request, response, status, duration_ms: {
        "path": request.path,
        "status": status,
        "duration_ms": duration_ms,
    },
    "completion_level": lambda request, status, duration_ms: _level(status),
    "connection_fields": lambda scope, request_id, connection_id: extract_labels(
        scope["path"]
    ),
    "connection_line_fields": lambda scope: {},
    "connection_event_fields": lambda scope, event, message: {"ws.path": scope["path"]},
    "connection_level": lambda scope, event: _LEVELS.get(event, logging.INFO),
    "task_fields": lambda task, carried: carried,
    "task_line_fields": lambda task: {},
    "task_event_fields": lambda task, event: {"task.retries": task.request.retries},
    "task_level": lambda task, event: _LEVELS.get(event, logging.INFO),
}
_LEVELS = {
    "task_failed": logging.ERROR,
    "task_retried": logging.WARNING,
    "ws_failed": logging.ERROR,
    "ws_received": logging.DEBUG,
    "ws_rejected": logging.WARNING,
}

# What tests and their site log through.
_LOGGERS = ["shop", "site", "telemetry", "django", "django.request", "django.security"]
_LOGGERS += [f"telemetry.{name}" for name in ("config", "middleware", "users")]
_LOGGERS += [f"telemetry.{name}" for name in ("celery", "websocket", "tracing")]
_LOGGERS += ["telemetry.commands", "telemetry.running", "celery.app.trace"]


class PlainFormatter(LineFormatter):
    """JSON with the package's own names, whatever `NAMES` and a store make of them."""

    def render(self, line: Line) -> str:
        return orjson.dumps(line).decode()


class Output:
    """What has been written while it was captured."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[Line]:
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.lines]

    def named(self, event: str) -> list[Line]:
        return [line for line in self.lines if line["event"] == event]


@contextmanager
def captured(
    formatter: LineFormatter | None = None, level: int = logging.INFO
) -> Iterator[Output]:
    """Send what is logged to the `Output` alone, in JSON."""
    output = Output()
    handler = logging.StreamHandler(output.stream)
    handler.setFormatter(formatter or PlainFormatter())
    config = logging_config()
    for name in config["handlers"]["stdout"]["filters"]:
        handler.addFilter(import_string(config["filters"][name]["()"])())
    with ExitStack() as stack:
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            # Take away what the project put on it.
            stack.enter_context(patch.object(logger, "handlers", []))
            stack.enter_context(patch.object(logger, "filters", []))
            stack.enter_context(patch.object(logger, "propagate", True))
            stack.enter_context(patch.object(logger, "disabled", False))
            _set_level(stack, logger, logging.NOTSET)
        stack.enter_context(patch.object(logging.root, "handlers", [handler]))
        _set_level(stack, logging.root, level)
        configure_structlog()
        yield output


@contextmanager
def environ(**variables: str) -> Iterator[None]:
    """Set environment variables, which a process reads once."""
    try:
        with patch.dict(os.environ, variables):
            environment.cache_clear()
            yield
    finally:
        environment.cache_clear()


class LinesTestCase(SimpleTestCase):
    """Captures the lines of each test in `self.output`."""

    def setUp(self) -> None:
        self.enterContext(patch.dict(os.environ))
        for name in list(os.environ):
            if name.startswith(("TELEMETRY_", "LOG_")):
                del os.environ[name]
        for settings in connections.settings.values():
            self.enterContext(patch.dict(settings, ATOMIC_REQUESTS=False))
        environment.cache_clear()
        self.addCleanup(environment.cache_clear)
        self.addCleanup(clear_contextvars)
        own = {name: FIELDS[name] for name in FIELDS if hasattr(fields, name)}
        self.enterContext(patch.multiple(fields, **own))
        self.output = self.enterContext(captured())

    def set_environ(self, **variables: str) -> None:
        """Set environment variables for the rest of the test."""
        self.enterContext(environ(**variables))


def _level(status: int) -> int:
    if status >= 500:
        return logging.ERROR
    return logging.WARNING if status >= 400 else logging.INFO


def _set_level(stack: ExitStack, logger: logging.Logger, level: int) -> None:
    stack.callback(logger.setLevel, logger.level)
    logger.setLevel(level)
