"""What tests share: the lines that come out, and a small site to ask."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.test import SimpleTestCase, override_settings

from ..formatters import JsonFormatter, LineFormatter
from ..handlers import StdoutHandler
from ..logging import configure_structlog

Line = dict[str, Any]

_PACKAGE = __package__.rpartition(".")[0]

# The middleware of a new Django project, with ours before it.
MIDDLEWARE = [
    f"{_PACKAGE}.middleware.TelemetryMiddleware",
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
    MIDDLEWARE=MIDDLEWARE,
    ROOT_URLCONF=f"{__package__}.urls",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
)


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

    def named(self, event: str) -> list[Line]:
        return [line for line in self.lines if line["event"] == event]


@contextmanager
def captured(
    formatter: LineFormatter | None = None,
    level: int = logging.INFO,
) -> Iterator[Output]:
    """Let the root logger write to the `Output` alone, in JSON."""
    output = Output()
    handler = StdoutHandler(output.stream)
    handler.setFormatter(formatter or JsonFormatter())
    root = logging.getLogger()
    before = root.handlers, root.level
    root.handlers = [handler]
    root.setLevel(level)
    configure_structlog()
    try:
        yield output
    finally:
        root.handlers, root.level = before
        # Loggers cache whether a level is enabled.
        root.setLevel(before[1])


class LinesTestCase(SimpleTestCase):
    """Captures the lines of each test in `self.output`."""

    def setUp(self) -> None:
        self.output = self.enterContext(captured())
