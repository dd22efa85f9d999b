"""A project with the views of `project_files/hostile_urls.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..support import Project

PROJECT_FILES = Path(__file__).parents[1] / "project_files"
# The same as the other servers' tests, which share the environment.
EXTRA = ["gunicorn", "uvicorn", "daphne", "djangorestframework", "sentry-sdk"]
EXTRA += ["pytest", "pytest-django"]


def start_site(folder: Path, **answers: Any) -> Project:
    """Start the project; its lines are JSON unless it is told otherwise."""
    chosen: dict[str, Any] = {
        "resource_labels": "user, team",
        "otel_exporter": "none",
        **answers,
    }
    project = Project.start(folder, extra=EXTRA, **chosen)
    project.write("config/urls.py", (PROJECT_FILES / "hostile_urls.py").read_text())
    project.configure(
        ALLOWED_HOSTS=["*"],
        DEBUG=False,
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    )
    project.environ["LOG_FORMAT"] = "json"
    return project
