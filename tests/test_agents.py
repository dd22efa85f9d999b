"""Whoever has only AGENTS.md makes the right edits in the right files."""

from __future__ import annotations

import re
from pathlib import Path

from .support import Project, json_lines
from .support.releases import ANCHOR

URLS = """
from django.http import HttpResponse
from django.urls import path

def view(request):
    request.tenant = "acme"
    return HttpResponse()

urlpatterns = [path("", view), path("quiet/", view)]
"""
ASK = """
import django
django.setup()
from django.test import Client
for path in ("/", "/quiet/"):
    Client(headers={"host": "localhost"}).get(path)
"""


def test_a_field_a_level_and_a_test_are_added_as_it_reads(tmp_path: Path) -> None:
    project = Project.start(tmp_path / "shop", otel_exporter="none")
    project.write("config/urls.py", URLS)
    text = (project.folder / "telemetry" / "AGENTS.md").read_text()

    [field] = re.findall(
        r"every line of a request .*`request_line_fields`: `(.*)`", text
    )
    file = "telemetry/fields.py"
    _, function, rest = (
        (project.folder / file).read_text().partition("\ndef request_line_fields(")
    )
    before, anchor, _ = rest.partition(f"        {ANCHOR}\n")
    old = function + before + anchor
    project.edit(file, old, f"{old}        {field}\n")

    [nothing] = re.findall(
        r"`fields.py`, `completion_level`: `(.*)` means no line", text
    )
    rule = f"    if request.path == '/quiet/':\n        return {nothing}\n"
    project.edit(file, "    if status >= 500:\n", f"{rule}    if status >= 500:\n")

    [name] = re.findall(r"new files, such as `(tests/\w+\.py)`", text)
    [test] = re.findall(r"```python\n(from django\.test .*?)```", text, re.DOTALL)
    project.write(f"telemetry/{name}", test)
    commands = re.findall(r"^    python manage\.py (.*)$", text, re.MULTILINE)
    assert commands == ["check", "test telemetry"]
    for command in commands:
        project.manage(*command.split())
    alone = project.manage("test", "telemetry.tests.test_own_fields", "--verbosity=2")
    assert "test_last_line_has_the_tenant" in alone.stderr
    [line] = json_lines(project.run("python", "-c", ASK, LOG_FORMAT="json").stdout)
    assert (line["http.route"], line["tenant"]) == ("/", "acme")


def test_what_it_names_is_there(tmp_path: Path) -> None:
    """Each file, and in it each name, with all options."""
    project = Project.start(
        tmp_path / "shop", use_channels=True, use_celery=True, wire=False
    )
    package = project.folder / "telemetry"
    text = (package / "AGENTS.md").read_text()
    rows = re.findall(r"^\| .*? \| (`.*) \|$", text, re.MULTILINE)
    assert len(rows) >= 9
    for row in rows:
        file, *names = re.findall(r"`([\w.]+)`", row)
        code = (package / file).read_text()
        for name in set(names) - {"None"}:
            assert re.search(rf"^(def )?{name}\b", code, re.MULTILINE), row
