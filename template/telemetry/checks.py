"""System checks: `manage.py check` names what is not wired, with the line to paste."""

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

_MIDDLEWARE = f"{TelemetryMiddleware.__module__}.{TelemetryMiddleware.__qualname__}"
_LOGGING = f"{__package__}.logging"


def check_environment(**_: Any) -> list[CheckMessage]:
    """Every bad value that `load` has put right is an error here, so that CI stops it."""
    problems = load(os.environ, debug=settings.DEBUG).problems
    return [Error(problem, id="telemetry.E001") for problem in problems]


def check_requirements(**_: Any) -> list[CheckMessage]:
    """Each package of `requirements.txt` is installed."""
    names = re.findall(r"^[A-Za-z0-9._-]+", REQUIREMENTS.read_text(), re.MULTILINE)
    return [
        Error(
            f"{name} is required by telemetry and is not installed.",
            hint=f"pip install -r {os.path.relpath(REQUIREMENTS)}",
            id="telemetry.E002",
        )
        for name in names
        if not _is_installed(name)
    ]


def check_wiring(**_: Any) -> list[CheckMessage]:
    """The middleware stands first, and the root logger has our handler."""
    if not load(os.environ).enabled:
        return []
    messages: list[CheckMessage] = []
    positions = [i for i, path in enumerate(settings.MIDDLEWARE) if _is_ours(path)]
    if not positions:
        messages.append(
            Warning(
                "TelemetryMiddleware is not in MIDDLEWARE, so requests leave no line.",
                hint=f'Make it the first entry of MIDDLEWARE: "{_MIDDLEWARE}",',
                id="telemetry.W001",
            )
        )
    elif positions[0] > 0:
        messages.append(
            Warning(
                "TelemetryMiddleware is not first in MIDDLEWARE, so what "
                f"{settings.MIDDLEWARE[0]} answers by itself leaves no line and has no request id.",
                hint=f'Make it the first entry of MIDDLEWARE: "{_MIDDLEWARE}",',
                id="telemetry.W002",
            )
        )
    if not is_configured():
        messages.append(
            Warning(
                "LOGGING has no handler of telemetry on the root logger, so lines lack fields.",
                hint=f"In settings: from {_LOGGING} import logging_config; "
                "LOGGING = logging_config(), and add to that dictionary.",
                id="telemetry.W003",
            )
        )
    return messages


def _is_ours(path: str) -> bool:
    if path == _MIDDLEWARE:
        return True
    try:
        middleware = import_string(path)
    except ImportError:  # Django says that itself.
        return False
    return isinstance(middleware, type) and issubclass(middleware, TelemetryMiddleware)


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
