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

from .support import (
    REPOSITORY,
    Server,
    Template,
    combinations,
    environment,
    git,
)
from .support.processes import free_port

README = (REPOSITORY / "README.md").read_text()
ADDRESS = "gh:OWNER/copier-django-telemetry"

# What stands between a reader and the commands: prompts that Enter answers,
# packages that were downloaded before, a terminal without a pager.
PREPARED = """
uvx() { shift; command copier "$@" --defaults; }
pip() { uv pip "$@" --quiet; }
export GIT_PAGER=cat
set -e
"""


def section(title: str) -> str:
    _, _, rest = README.partition(f"\n## {title}\n")
    text, _, _ = rest.partition("\n## ")
    return text


def blocks(title: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", section(title), re.DOTALL)


def commands(title: str) -> list[str]:
    """Return the commands of a section, without their `$ `."""
    return re.findall(r"^\$ (.*)$", "".join(blocks(title, "console")), re.MULTILINE)


class Reader:
    """Somebody who types what the README has, in one folder after another."""

    def __init__(self, folder: Path, bin: Path, template: Path) -> None:
        self.folder = folder
        self.template = template
        self.environ = {
            **os.environ,
            "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}",
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
        command = command.replace(":8000", f":{self.port}")
        finished = subprocess.run(
            ["bash", "-c", PREPARED + command.replace(ADDRESS, str(self.template))],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        output = finished.stdout + finished.stderr
        assert finished.returncode == 0, f"{command}\n{output}"
        return output

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.folder / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    def stop_server(self) -> None:
        if self.server:
            self.server.stop()
            self.server = None


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
    for name in ("uv", "copier"):
        (tmp_path / "venv" / "bin" / name).symlink_to(shared / name)
    reader = Reader(tmp_path, tmp_path / "venv" / "bin", released.folder)
    yield reader
    reader.stop_server()


# What a project may have before it reads the README.
LOGGING = """
LOGGING = {
    "version": 1,
    "handlers": {"file": {"class": "logging.FileHandler", "filename": "app.log"}},
    "root": {"handlers": ["file"]},
}
"""

# What the four lines of code stand in.
VIEW = """
from django.contrib.auth.models import User
from django.http import HttpResponse
from telemetry.context import add, timer
from telemetry.logging import get_logger

log = get_logger("shop.views")

def reserve(order):
    pass

def checkout(request, order):
    request.user = User(pk=42)
{code}
    return HttpResponse()

urlpatterns += [path("orders/<int:order>/checkout/", checkout)]
"""


def start_project(reader: Reader) -> None:
    reader.type("uv pip install --quiet django")
    reader.type("django-admin startproject shop")
    reader.type("cd shop")
    settings = reader.folder / "shop" / "settings.py"
    settings.write_text(settings.read_text() + LOGGING)


def switch_on(reader: Reader) -> None:
    """Make the edits that the quick start shows."""
    settings, logging, _ = blocks("Quick start", "python")
    entries = re.findall(r'^([A-Z_]+) = \[\n    ("[\w.]+",)', settings, re.MULTILINE)
    assert [setting for setting, _ in entries] == ["INSTALLED_APPS", "MIDDLEWARE"]
    for setting, entry in entries:
        old = f"\n{setting} = [\n"
        reader.edit("shop/settings.py", old, f"{old}    {entry}\n")
    reader.edit("shop/settings.py", LOGGING, f"\n{logging}")


def shown(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line with the figures that are other ones at each time masked."""
    return {
        key: "…" if key == "timestamp" or key.endswith("_ms") else value
        for key, value in line.items()
    }


def test_the_readme_can_be_followed_from_start_to_end(reader: Reader) -> None:
    """Quick start, customising, updating and removing, in one project."""
    start_project(reader)
    for command in commands("Quick start"):
        if command == "python manage.py check":
            switch_on(reader)
        output = reader.type(command)
    assert "\nX-Request-ID: abc-123\n" in output.replace("\r", "")
    assert reader.server
    [promised] = blocks("Quick start", "json")
    [line] = reader.server.wait_for("request_completed")
    assert list(shown(line).items()) == list(shown(json.loads(promised)).items())
    reader.stop_server()
    in_file = (reader.folder / "app.log").read_text().splitlines()
    assert line in map(json.loads, in_file)

    for diff in blocks("Make it yours", "diff"):
        rows = diff.splitlines()
        old = "".join(f"{row[1:]}\n" for row in rows if row[0] != "+")
        new = "".join(f"{row[1:]}\n" for row in rows if row[0] != "-")
        reader.edit("telemetry/fields.py", old, new)
    anchor = "    # Add your own below this line.\n"
    reader.edit("telemetry/labels.py", anchor, f'{anchor}    "orders": "order",\n')
    reader.type("python manage.py test telemetry")

    [code] = blocks("Four lines of code", "python")
    indented = "".join(f"    {row}\n" for row in code.splitlines())
    urls = reader.folder / "shop" / "urls.py"
    before = urls.read_text()
    urls.write_text(before + VIEW.format(code=indented))
    reader.type("LOG_FORMAT=json python manage.py runserver")
    assert reader.server
    url = f"http://127.0.0.1:{reader.port}/orders/7/checkout/"
    reader.type(f"curl --silent --fail -H 'X-Request-ID: abc-123' {url}")
    reader.server.wait_for("request_completed")
    lines = [
        json.loads(row) for row in blocks("Four lines of code", "json")[0].splitlines()
    ]
    for promised in lines:
        [line] = reader.server.wait_for(promised["event"])
        line.pop("client.address", None)
        promised |= {"http.method": "GET"} if "http.method" in promised else {}
        assert list(shown(line).items()) == list(shown(promised).items())
    reader.stop_server()
    urls.write_text(before)

    git(reader.folder, "init", "--quiet")
    git(reader.folder, "add", ".")
    git(reader.folder, "commit", "--quiet", "--message", "Add telemetry")
    for command in commands("Updates"):
        output = reader.type(command)
    assert "nothing to commit, working tree clean" in output
    assert "client.address" in (reader.folder / "telemetry" / "fields.py").read_text()

    _, logging, _ = blocks("Quick start", "python")
    for row in (
        '    "telemetry",\n',
        '    "telemetry.middleware.TelemetryMiddleware",  # first\n',
        logging,
    ):
        reader.edit("shop/settings.py", row.replace("  # first", ""), "")
    for command in commands("Questions people ask"):
        reader.type(command)
    assert (
        git(reader.folder, "grep", "-il", "telemetry", "--", "*.py", check=False) == ""
    )


def test_the_table_of_edits_has_those_that_are_tested() -> None:
    """As edits of `test_recipes.py`, which looks at the lines after each."""
    tested = (REPOSITORY / "tests" / "test_recipes.py").read_text()
    edits = re.findall(r'`("[^`]*,|[A-Z]+ = [^`]*)`', section("Make it yours"))
    assert len(edits) >= 5
    assert [edit for edit in edits if edit not in tested] == []


def test_every_command_of_the_readme_is_run() -> None:
    """Those under "Status" are targets of the Makefile that other tests are about."""
    followed = ["Quick start", "Updates", "Questions people ask", "Status"]
    top, _, _ = README.partition("\n## ")
    [first] = re.findall(r"^\$ (.*)$", top, re.MULTILINE)
    assert first == commands("Quick start")[0]
    total = len(re.findall(r"^\$ ", README, re.MULTILINE))
    assert sum(len(commands(title)) for title in followed) + 1 == total
    assert commands("Status") == ["make demo", "make test"]


def test_files_that_documents_link_to_exist() -> None:
    for document in (REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")):
        links = re.findall(
            r"""(?:\]\(|src="|srcset=")([^)"#:]+)[)"#]""", document.read_text()
        )
        missing = [link for link in links if not (document.parent / link).exists()]
        assert missing == [], document
