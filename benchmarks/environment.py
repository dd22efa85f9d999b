"""Where variants run: an interpreter with the pinned peers, and rendered packages."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from pathlib import Path

from tests.support import REPOSITORY, environment, interpreters, render

RESOURCES = (
    "tournament, draft, match, team, player, organization, season, venue, ticket,"
    " news:news"
)
PACKAGES: dict[str, dict[str, object]] = {
    "default": {},
    "queries": {"log_queries": True},
    "running": {"also_log": ["running"], "otel_exporter": "none"},
    "channels": {"otel_exporter": "none", "use_celery": False},
    "celery": {"otel_exporter": "none", "use_channels": False},
    "otel": {"use_channels": False, "use_celery": False},
    "plain": {"otel_exporter": "none", "use_channels": False, "use_celery": False},
}
_ANSWERS = {
    "resource_labels": RESOURCES,
    "use_channels": True,
    "use_celery": True,
}


class Environment:
    """An interpreter of this machine, with everything that is measured installed."""

    def __init__(self, minor: str | None = None) -> None:
        minor = minor or "{}.{}".format(*sys.version_info)
        [interpreter] = [found for found in interpreters() if found.minor == minor]
        pinned = (REPOSITORY / "requirements" / "bench.txt").read_text().splitlines()
        self.minor = minor
        self.python = environment(interpreter, pinned) / "python"
        self._scratch = tempfile.TemporaryDirectory(prefix="benchmarks-")
        self.folder = Path(self._scratch.name)

    @functools.cache  # noqa: B019, one environment lives as long as the run.
    def package(self, name: str) -> Path:
        """Return the folder that holds the rendered `telemetry/` of that name."""
        folder = self.folder / name
        render(folder, **_ANSWERS | PACKAGES[name])
        return folder

    def variables(self, package: str = "default", **more: str) -> dict[str, str]:
        """Return a small environment, so that this machine's settings stay out."""
        return {
            "HOME": os.environ["HOME"],
            "PATH": os.environ["PATH"],
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{self.package(package)}",
            **more,
        }
