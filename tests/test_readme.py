"""The README is followed word by word."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.picture import THEMES, says

from .support import (
    REPOSITORY,
    Server,
    Template,
    combinations,
    environment,
    git,
)
from .support.processes import free_port
from .test_recipes import EVERYWHERE, LINES, REQUESTS

README = (REPOSITORY / "README.md").read_text()

# What a reader has in front of the commands: a prompt that is answered with
# Enter, packages that were downloaded before, a terminal without a pager.
PREPARED = """
copier() { command copier "$@" --defaults; }
pip() { uv pip "$@" --quiet; }
export GIT_PAGER=cat
set -e
"""


def commands(section: str) -> list[str]:
    """Return the commands of a section, without their `$ `."""
    _, _, rest = README.partition(f"\n## {section}\n")
    text, _, _ = rest.partition("\n## ")
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return re.findall(r"^\$ (.*)$", "".join(blocks), re.MULTILINE)


class Reader:
    """Somebody who types what the README says, in one folder after another."""

    def __init__(self, folder: Path, bin: Path, template: Path) -> None:
        self.folder = folder
        self.environ = {
            **os.environ,
            "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}",
            "TEMPLATE": str(template),
            "VIRTUAL_ENV": str(bin.parent),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        # The README has Django's port, which may be taken here.
        self.port = free_port()
        self.server: Server | None = None

    def type(self, command: str) -> str:
        if command.startswith("cd "):
            self.folder /= command.removeprefix("cd ")
            return ""
        if command.endswith(" runserver"):
            self.server = Server(
                ["bash", "-c", f"exec env {command} --noreload {self.port}"],
                port=self.port,
                cwd=self.folder,
                env=self.environ | {"PYTHONUNBUFFERED": "1"},
            )
            return ""
        finished = subprocess.run(
            ["bash", "-c", PREPARED + command.replace(":8000", f":{self.port}")],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        said = finished.stdout + finished.stderr
        assert finished.returncode == 0, f"{command}\n{said}"
        return said

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.folder / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))


@pytest.fixture
def reader(tmp_path: Path, released: Template) -> Iterator[Reader]:
    interpreter, _ = combinations()[-1]
    # A virtual environment of its own, as it is installed into.
    shared = environment(interpreter, ["uv", "copier"])
    subprocess.run(
        [shared / "uv", "venv", "--quiet", f"--python={interpreter.path}", "venv"],
        cwd=tmp_path,
        check=True,
    )
    (tmp_path / "venv" / "bin" / "uv").symlink_to(shared / "uv")
    reader = Reader(tmp_path, tmp_path / "venv" / "bin", released.folder)
    yield reader
    if reader.server:
        reader.server.stop()


# What a project may have before it reads the README.
LOGGING = """
LOGGING = {
    "version": 1,
    "handlers": {"file": {"class": "logging.FileHandler", "filename": "app.log"}},
    "root": {"handlers": ["file"]},
}
"""


def start_project(reader: Reader) -> None:
    reader.type("pip install django")
    reader.type("django-admin startproject shop")
    reader.type("cd shop")
    settings = reader.folder / "shop" / "settings.py"
    settings.write_text(settings.read_text() + LOGGING)


def switch_on(reader: Reader) -> None:
    """Make the edits that the quick start shows."""
    entries = re.findall(r'^([A-Z_]+) = \[\n    ("[a-zA-Z_.]+",)', README, re.MULTILINE)
    assert [setting for setting, _ in entries] == ["INSTALLED_APPS", "MIDDLEWARE"]
    for setting, entry in entries:
        old = f"\n{setting} = [\n"
        reader.edit("shop/settings.py", old, f"{old}    {entry}\n")
    [ours] = re.findall(r"from .*\n\nLOGGING = logging_config\(\)\n", README)
    reader.edit("shop/settings.py", LOGGING, f"\n{ours}")


def test_the_readme_can_be_followed_from_start_to_end(reader: Reader) -> None:
    """Quick start, wiring, customising, updating and removing, in one project."""
    start_project(reader)
    for command in commands("Quick start"):
        if command == "python manage.py check":
            switch_on(reader)
        said = reader.type(command)
    assert "x-request-id: " in said.lower()
    assert reader.server
    [line] = reader.server.wait_for("request_completed")
    assert line["http.route"] == "/api/tournaments/5/"
    assert line["request.id"] in said
    reader.server.stop()

    anchor = "    # Add your own below this line.\n"
    label = '    "staff": "staff",\n'
    assert label + anchor in README
    reader.edit("telemetry/labels.py", anchor, label + anchor)
    reader.type("python manage.py test telemetry")

    for command in commands("Updating"):
        said = reader.type(command)
    assert said == "", "a conflict"
    assert git(reader.folder, "status", "--porcelain") == ""
    assert label in (reader.folder / "telemetry" / "labels.py").read_text()

    for row in (
        '    "telemetry",\n',
        '    "telemetry.middleware.TelemetryMiddleware",\n',
        "from telemetry.logging import logging_config\n",
        "LOGGING = logging_config()\n",
    ):
        reader.edit("shop/settings.py", row, "")
    for command in commands("Removing"):
        reader.type(command)
    assert git(reader.folder, "grep", "-il", "telemetry", check=False) == ""


def test_a_new_project_can_be_started_by_the_readme(reader: Reader) -> None:
    for command in commands("A new project"):
        reader.type(command)
    reader.type("cd shop")
    for setting, entry in (
        ("INSTALLED_APPS", '"telemetry"'),
        ("MIDDLEWARE", '"telemetry.middleware.TelemetryMiddleware"'),
    ):
        old = f"\n{setting} = [\n"
        reader.edit("shop/settings.py", old, f"{old}    {entry},\n")
    said = reader.type("python manage.py check --fail-level WARNING")
    assert "no issues" in said


def test_the_recipes_are_those_that_are_tested() -> None:
    _, _, rest = README.partition("\n## Customising\n")
    table, _, _ = rest.partition("\nLists that people extend")
    rows = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)[1:]
    assert len(rows) == 10
    edits = [edit for each in (REQUESTS, LINES, EVERYWHERE) for edit in each.values()]
    tested = "".join(edit.new for each in edits for edit in each)
    for added in re.findall(r'`("[^`]*,|[A-Z]+ = [^`]*)`', table):
        assert added in tested, added


def test_every_command_of_the_readme_is_run() -> None:
    """Those of other sections are targets of the Makefile that tests are about."""
    followed = ["Quick start", "A new project", "Updating", "Removing", "Developing"]
    total = len(re.findall(r"^\$ ", README, re.MULTILINE))
    assert sum(len(commands(section)) for section in followed) == total
    assert commands("Developing") == ["make demo", "make test"]


def test_the_line_that_the_readme_shows_is_the_one_of_the_specification() -> None:
    block = re.findall(r"```json\n(.*?)```", README, re.DOTALL)[0]
    line: dict[str, Any] = json.loads(block)
    assert list(line)[:4] == ["timestamp", "level", "logger", "event"]
    assert line["event"] == "request_completed"
    for theme in THEMES:
        said = says((REPOSITORY / "pictures" / f"terminal-{theme}.svg").read_text())
        assert set(line) - {"timestamp", "level", "logger", "event", "user.id"} <= {
            key for key in line if f"{key}=" in said
        }
