"""Everyday edits of the package are right at the first try."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .support import Project, json_lines
from .support.releases import ANCHOR

ASK = """
import logging, django
django.setup()
from django.test import Client
from config.urls import work
client = Client(headers={"host": "localhost"})
for path in ("/tournaments/5/", "/nowhere/", "/healthz", "/slow/"):
    client.get(path, headers={"X-Request-ID": "r-1", "X-Correlation-ID": "c-1"})
work.apply(args=(7,))
logging.shutdown()
"""

URLS = """
import time
from celery import shared_task
from django.http import HttpResponse
from django.urls import path
from telemetry.celery import TelemetryTask

@shared_task(base=TelemetryTask)
def work(number): pass

def view(request, **_):
    request.tenant = "acme"
    return HttpResponse()

def slow(request):
    time.sleep(0.02)
    return HttpResponse()

urlpatterns = [path("tournaments/<int:pk>/", view), path("healthz", view), path("slow/", slow)]
"""


@dataclass(frozen=True)
class Lines:
    """The lines of a visit: all of them, and those that end a request."""

    all: list[dict[str, Any]]

    @property
    def done(self) -> dict[str, Any]:
        """The first request's, which goes to /tournaments/5/."""
        return next(line for line in self.all if line["event"] == "request_completed")

    def ending(self, path: str) -> dict[str, Any]:
        [line] = [line for line in self.all if line.get("http.route") == path]
        return line


@dataclass(frozen=True)
class Edit:
    """A text edit of one file, and what is then seen in the lines."""

    file: str
    old: str
    new: str
    is_seen: Callable[[Lines], object]


DURATION = '        "duration_ms": duration_ms,\n'
PER_LINE = '        # "tenant": getattr(request, "tenant", None),\n'
LABELS = "        **extract_labels(request.path),\n"
RETRIES = '        "task.retries": task.request.retries,\n'

EDITS = {
    "client address": Edit(
        "fields.py",
        DURATION,
        f'{DURATION}        "client.address": request.META.get("REMOTE_ADDR"),\n',
        lambda lines: lines.done["client.address"] == "127.0.0.1",
    ),
    "no labels but ids": Edit(
        "fields.py",
        LABELS,
        f'{LABELS}        "labels": None,\n',
        lambda lines: "labels" not in lines.done and lines.done["tournament.id"] == 5,
    ),
    "another header": Edit(
        "fields.py",
        'HEADER = "X-Request-ID"',
        'HEADER = "X-Correlation-ID"',
        lambda lines: lines.done["request.id"] == "c-1",
    ),
    "tenant": Edit(
        "fields.py",
        PER_LINE,
        PER_LINE.replace("# ", ""),
        lambda lines: lines.done["tenant"] == "acme",
    ),
    "4xx at info": Edit(
        "fields.py",
        "        return logging.WARNING\n    return logging.INFO\n",
        "        return logging.INFO\n    return logging.INFO\n",
        lambda lines: lines.ending("/nowhere/")["level"] == "info",
    ),
    "slow at warning": Edit(
        "fields.py",
        "    if status >= 400:\n",
        "    if status >= 400 or duration_ms > 10:\n",
        lambda lines: lines.ending("/slow/")["level"] == "warning",
    ),
    "no line for healthz": Edit(
        "fields.py",
        "    if status >= 500:\n",
        '    if request.path == "/healthz":\n        return None\n'
        "    if status >= 500:\n",
        lambda lines: "/healthz" not in [line.get("http.route") for line in lines.all],
    ),
    "a processor that drops a field": Edit(
        "logging.py",
        f"    {ANCHOR}\n]",
        f"    {ANCHOR}\n    lambda _, __, fields: "
        '{key: fields[key] for key in fields if key != "http.method"},\n]',
        lambda lines: "http.method" not in lines.done,
    ),
    "task arguments": Edit(
        "fields.py",
        RETRIES,
        f'{RETRIES}        "task.args": task.request.args,\n',
        lambda lines: [line for line in lines.all if line.get("task.args")],
    ),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("edits") / "shop",
        otel_exporter="none",
        use_celery=True,
        resource_labels="tournament",
    )
    project.write("config/urls.py", URLS)
    project.configure(ALLOWED_HOSTS=["localhost"], DEBUG=False)
    return project


@contextmanager
def edited(project: Project, path: str, old: str, new: str) -> Iterator[None]:
    """Make an edit for a while."""
    before = (project.folder / path).read_text()
    project.edit(path, old, new)
    try:
        yield
    finally:
        project.write(path, before)


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_everyday_edit(project: Project, edit: Edit) -> None:
    """It is seen in the lines, and the rendered tests stay green."""
    with edited(project, f"telemetry/{edit.file}", edit.old, edit.new):
        lines = Lines(json_lines(project.run("python", "-c", ASK).stdout))
        assert edit.is_seen(lines), lines.all
        project.manage("test", "telemetry")


MISTAKES = {
    "request_fields": (LABELS, f'{LABELS}        "own": request.mistake,\n'),
    "request_line_fields": (PER_LINE, '        "own": request.mistake,\n'),
    "completion_fields": (DURATION, f'{DURATION}        "own": request.mistake,\n'),
    "completion_level": ("    if status >= 500:\n", "    if request.mistake:\n"),
}


@pytest.mark.parametrize("function", MISTAKES)
def test_a_mistake_in_fields_costs_its_fields(project: Project, function: str) -> None:
    """The line names it, and the request is answered."""
    with edited(project, "telemetry/fields.py", *MISTAKES[function]):
        lines = Lines(json_lines(project.run("python", "-c", ASK).stdout))
    error = f"{function}: AttributeError: 'WSGIRequest' object has no attribute"
    assert lines.done["telemetry.error"].startswith(error)
    assert lines.done["request.id"] == "r-1"
    is_level = function == "completion_level"
    assert lines.done["level"] == ("warning" if is_level else "info")


def test_lines_to_a_file_too(project: Project, tmp_path: Path) -> None:
    """A second handler has each line once, without the duplicates of Django."""
    file = tmp_path / "app.log"
    text = (
        "from telemetry.logging import logging_config\nLOGGING = logging_config()\n"
        'LOGGING["handlers"]["file"] = {"class": "logging.FileHandler", '
        f'"filename": {str(file)!r}, "formatter": "json", "filters": ["requests", "tasks"]}}\n'
        'LOGGING["root"]["handlers"].append("file")\n'
    )
    with edited(
        project, "config/settings.py", "DEBUG = False\n", f"DEBUG = False\n{text}"
    ):
        stdout = project.run("python", "-c", ASK).stdout
    events = [line["event"] for line in json_lines(file.read_text())]
    assert events == [line["event"] for line in json_lines(stdout)]
    assert events.count("request_completed") == 4
    assert not [event for event in events if event.startswith("Not Found")]
