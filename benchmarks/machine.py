"""What was measured, and on what."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .environment import Environment

_SHOWN = (
    "Django",
    "structlog",
    "orjson",
    "channels",
    "celery",
    "django-structlog",
    "django-guid",
    "opentelemetry-instrumentation-django",
    "logfire",
    "sentry-sdk",
)
_QUESTION = f"""
import platform
from importlib.metadata import version
names = {_SHOWN!r}
print("CPython", platform.python_version(), end=", ")
print(*(f"{{name}} {{version(name)}}" for name in names), sep=", ", end="; ")
print(platform.system(), platform.release().split("-")[0], platform.machine(), end=", ")
"""


def describe(environment: Environment) -> str:
    """Return one sentence with the versions, the processor and its cores."""
    said = subprocess.run(
        [environment.python, "-c", _QUESTION],
        capture_output=True,
        text=True,
        check=True,
    )
    return f"{said.stdout}{_processor()}, {os.cpu_count()} cores."


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "unknown processor"
