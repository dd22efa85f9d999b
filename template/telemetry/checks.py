"""System checks: what is not wired, each with the line to paste."""

import os
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.utils.module_loading import import_string

from .environment import load
from .logging import is_configured
from .middleware import TelemetryMiddleware

REQUIREMENTS = Path(__file__).with_name("requirements.txt")

_MIDDLEWARE = f"{TelemetryMiddleware.__module__}.TelemetryMiddleware"
_FIRST = f'Make it the first entry of MIDDLEWARE: "{_MIDDLEWARE}",'


def check_environment(**_: Any) -> list[CheckMessage]:
    """A bad value that `load` puts right is an error here, for CI to stop."""
    problems = load(os.environ, debug=settings.DEBUG).problems
    return [Error(problem, id="telemetry.E001") for problem in problems]


def check_requirements(**_: Any) -> list[CheckMessage]:
    """Each package of `requirements.txt` is installed."""
    text = REQUIREMENTS.read_text()
    names = re.findall(r"^[A-Za-z0-9._-]+", text, re.MULTILINE)
    return [
        Error(
            f"{name} is required by telemetry and is not installed.",
            hint=f"pip install -r {os.path.relpath(REQUIREMENTS)}",
            id="telemetry.E002",
        )
        for name in names
        if not _is_installed(name)
    ]


def check_middleware(**_: Any) -> list[CheckMessage]:
    """The middleware is there, and first."""
    if not load(os.environ).enabled:
        return []
    ours = [_is_ours(path) for path in settings.MIDDLEWARE]
    if True not in ours:
        text = "TelemetryMiddleware is missing: requests leave no line."
        return [Warning(text, hint=_FIRST, id="telemetry.W001")]
    if not ours[0]:
        text = (
            "TelemetryMiddleware is not first in MIDDLEWARE: what "
            f"{settings.MIDDLEWARE[0]} answers by itself leaves no line."
        )
        return [Warning(text, hint=_FIRST, id="telemetry.W002")]
    return []


def check_logging(**_: Any) -> list[CheckMessage]:
    """The root logger has our handler, also with a `LOGGING` in settings."""
    if not load(os.environ).enabled or is_configured():
        return []
    text = "LOGGING gives the root logger no handler of telemetry."
    hint = (
        f"In settings: from {__package__}.logging import logging_config; "
        "LOGGING = logging_config(), and add your own to that dictionary."
    )
    return [Warning(text, hint=hint, id="telemetry.W003")]


def _is_ours(path: str) -> bool:
    if path == _MIDDLEWARE:
        return True
    try:
        kind = import_string(path)
    except ImportError:  # Django says that itself.
        return False
    return isinstance(kind, type) and issubclass(kind, TelemetryMiddleware)


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
