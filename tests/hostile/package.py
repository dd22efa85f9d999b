"""The rendered package, imported into the process that runs the tests."""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import logging
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import django
import hypothesis
from django.conf import settings

from ..support import render

# What no line may hold, in either format, besides its line breaks.
CONTROL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
MAX_LINE = 1024 * 1024

# `make soak` says how long each of its parts may take; `make test` says nothing.
SOAK_SECONDS = float(os.environ.get("SOAK_SECONDS", "0"))

# For properties: how many inputs are tried.
many = hypothesis.settings(
    max_examples=5_000 if SOAK_SECONDS else 150,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    print_blob=True,
)


@functools.cache
def package() -> Path:
    """Render the package as `hostile_site.telemetry` and set Django up around it."""
    folder = Path(tempfile.mkdtemp(prefix="hostile-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    site = folder / "hostile_site"
    render(
        site,
        resource_labels="user, team, session",
        use_channels=True,
        use_celery=True,
        otel_exporter="none",
    )
    (site / "__init__.py").touch()
    sys.path.insert(0, str(folder))
    if not settings.configured:
        settings.configure(
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3"}},
            INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
            LOGGING_CONFIG=None,
            SECRET_KEY="planted-secret",
            USE_TZ=True,
        )
        django.setup()
    return site / "telemetry"


def module(name: str) -> Any:
    """Import a module of the package."""
    package()
    return importlib.import_module(f"hostile_site.telemetry.{name}")


class Sink:
    """A logger of ours and one of `logging` that write to one file, read line by line."""

    def __init__(self, formatter: str) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self._read = 0
        self.handler = logging.StreamHandler(self._file)
        self.handler.setFormatter(getattr(module("internals.formatters"), formatter)())
        # Not one of the tree, where pytest listens.
        self.standard = logging.Logger(f"hostile.{formatter}")
        self.standard.addHandler(self.handler)
        self.log = module("internals.record").BoundLogger(self.standard, [], {})

    def written(self) -> bytes:
        """Return what was written since the last time."""
        fd = self._file.fileno()
        text = os.pread(fd, os.fstat(fd).st_size - self._read, self._read)
        self._read += len(text)
        return text

    def json_line(self) -> dict[str, Any]:
        """Return the one line written since the last time, which must be a sound one."""
        text = sound(self.written())
        assert text.count("\n") == 1, "one call, one line"
        line = json.loads(text, parse_constant=_refuse)
        assert list(line)[:4] == ["timestamp", "level", "logger", "event"]
        assert isinstance(line["event"], str)
        return dict(line)

    def pretty_line(self) -> str:
        """Like `json_line`; without the rows below it, which must be indented."""
        first, *rows = sound(self.written()).removesuffix("\n").split("\n")
        assert all(row.startswith("    ") for row in rows)
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[\w+ *\] ", first)
        return first


def sound(line: bytes) -> str:
    """Return the text of a line that is whole, bounded, and harmless on a terminal."""
    text = line.decode()
    assert text.endswith("\n"), "no line"
    assert not CONTROL.search(text), CONTROL.search(text)
    assert len(line) <= MAX_LINE
    return text


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
