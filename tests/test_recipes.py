"""Everyday edits of the package are right at the first try."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .support import Project, json_lines

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

LEVEL = "    return logging.INFO\n\n\n"

# Of each edit: file, old text, new text, what is then seen of the lines, and the
# rendered tests that speak of the edited thing.
EDITS: dict[str, tuple[str, str, str, str, set[str]]] = {
    "client address": (
        "fields.py",
        '        "duration_ms": duration_ms,\n',
        '        "duration_ms": duration_ms,\n'
        '        "client.address": request.META.get("REMOTE_ADDR"),\n',
        "done['client.address'] == '127.0.0.1'",
        set(),
    ),
    "no labels but ids": (
        "fields.py",
        "        **extract_labels(request.path),\n",
        '        **extract_labels(request.path),\n        "labels": None,\n',
        "'labels' not in done and done['tournament.id'] == 5",
        {"test_line_has_these_fields"},
    ),
    "another header": (
        "fields.py",
        'HEADER = "X-Request-ID"',
        'HEADER = "X-Correlation-ID"',
        "done['request.id'] == 'c-1'",
        set(),
    ),
    "tenant": (
        "fields.py",
        '        "user.id": user_id(request.__dict__),\n',
        '        "user.id": user_id(request.__dict__),\n'
        '        "tenant": getattr(request, "tenant", None),\n',
        "done['tenant'] == 'acme'",
        set(),
    ),
    "4xx at info": (
        "fields.py",
        "        return logging.WARNING\n    return logging.INFO\n",
        "        return logging.INFO\n    return logging.INFO\n",
        "missing['level'] == 'info'",
        {"test_level_follows_the_status"},
    ),
    "slow at warning": (
        "fields.py",
        "    if status >= 400:\n",
        "    if status >= 400 or duration_ms > 10:\n",
        "slow['level'] == 'warning'",
        set(),
    ),
    "no line for healthz": (
        "fields.py",
        "    if status >= 500:\n",
        '    if request.path == "/healthz":\n        return None\n'
        "    if status >= 500:\n",
        "not [line for line in lines if line.get('http.route') == '/healthz']",
        set(),
    ),
    "a processor that drops a field": (
        "logging.py",
        "    # Add your own below this line.\n]",
        "    lambda _, __, fields: "
        '{key: fields[key] for key in fields if key != "http.method"},\n'
        "    # Add your own below this line.\n]",
        "'http.method' not in done",
        {"test_line_has_these_fields"},
    ),
    "task arguments": (
        "fields.py",
        '        "task.retries": task.request.retries,\n',
        '        "task.retries": task.request.retries,\n'
        '        "task.args": task.request.args,\n',
        "[line for line in lines if line.get('task.args')]",
        set(),
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


@pytest.mark.parametrize("edit", EDITS)
def test_an_everyday_edit(project: Project, edit: str) -> None:
    """It is seen in the lines, and breaks no rendered test that is not about it."""
    name, old, new, seen, about = EDITS[edit]
    path = f"telemetry/{name}"
    before = (project.folder / path).read_text()
    project.edit(path, old, new)
    try:
        lines = json_lines(project.run("python", "-c", ASK).stdout)
        completed = [x for x in lines if x["event"] == "request_completed"]
        by_path = {line["http.route"]: line for line in completed}
        names = {
            "lines": lines,
            "done": by_path["/tournaments/5/"],
            "missing": by_path["/nowhere/"],
            "slow": by_path["/slow/"],
        }
        assert eval(seen, names), completed
        result = project.manage("test", "telemetry", check=False)
        broken = set(re.findall(r"^(?:FAIL|ERROR): (\w+)", result.stderr, re.MULTILINE))
        assert broken <= about, result.stderr
    finally:
        project.write(path, before)


MISTAKES = {
    "request_fields": '        "request.id": request_id,\n',
    "request_line_fields": '        "user.id": user_id(request.__dict__),\n',
    "completion_fields": '        "duration_ms": duration_ms,\n',
    "completion_level": "    if status >= 500:\n",
}


@pytest.mark.parametrize("function", MISTAKES)
def test_a_mistake_in_fields_is_seen(project: Project, function: str) -> None:
    """Its traceback is in a line, or on stderr where lines cannot be made."""
    file, old = project.folder / "telemetry" / "fields.py", MISTAKES[function]
    before = file.read_text()
    new = (
        "    if request.mistake:\n"
        if "level" in function
        else (old + '        "own": request.mistake,\n')
    )
    project.edit("telemetry/fields.py", old, new)
    script = """
import django
django.setup()
from django.test import Client
client = Client(raise_request_exception=False, headers={"host": "localhost"})
client.get("/tournaments/5/")
"""
    try:
        finished = project.run("python", "-c", script)
    finally:
        project.write("telemetry/fields.py", before)
    if function == "request_line_fields":
        assert "has no attribute 'mistake'" in finished.stderr
    else:
        [line] = [x for x in json_lines(finished.stdout) if "exception" in x]
        assert line["level"] == "error"
        assert f"in {function}\n" in line["exception"]
        assert "has no attribute 'mistake'" in line["error.message"]


def test_lines_to_a_file_too(project: Project, tmp_path: Path) -> None:
    """A second handler has each line once, without the duplicates of Django."""
    settings = project.settings.read_text()
    file = tmp_path / "app.log"
    project.write(
        "config/settings.py",
        f"{settings}\nfrom telemetry.logging import logging_config\n"
        "LOGGING = logging_config()\n"
        'LOGGING["handlers"]["file"] = {"class": "logging.FileHandler", '
        f'"filename": {str(file)!r}, "formatter": "json"}}\n'
        'LOGGING["root"]["handlers"].append("file")\n',
    )
    try:
        stdout = project.run("python", "-c", ASK).stdout
    finally:
        project.write("config/settings.py", settings)
    events = [line["event"] for line in json_lines(file.read_text())]
    assert events == [line["event"] for line in json_lines(stdout)]
    assert events.count("request_completed") == 4
    assert not [event for event in events if event.startswith("Not Found")]
