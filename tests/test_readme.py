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

from .support import REPOSITORY, Server, Template, combinations, environment, git
from .support.processes import free_port

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


def test_the_readme_can_be_followed_from_start_to_end(reader: Reader) -> None:
    """Quick start, wiring, customising, updating and removing, in one project."""
    for command in commands("Quick start"):
        if command == "cd shop":
            for setting, entry in re.findall(
                r'^([A-Z_]+) = \[\n    ("[a-zA-Z_.]+",)', README, re.MULTILINE
            ):
                reader.edit(
                    "shop/shop/settings.py",
                    f"\n{setting} = [\n",
                    f"\n{setting} = [\n    {entry}\n",
                )
        said = reader.type(command)
    assert "x-request-id: " in said.lower()
    assert reader.server
    [line] = reader.server.wait_for("request_completed")
    assert line["http.route"] == "/api/tournaments/5/"
    assert line["request.id"] in said
    reader.server.stop()

    anchor = "    # Add your own above this line.\n"
    label = '    "staff": "staff",\n'
    assert label + anchor in README
    reader.edit("telemetry/labels.py", anchor, label + anchor)
    for command in commands("Customising"):
        reader.type(command)

    for command in commands("Updating"):
        said = reader.type(command)
    assert said == "", "a conflict"
    assert git(reader.folder, "status", "--porcelain") == ""
    assert label in (reader.folder / "telemetry" / "labels.py").read_text()

    reader.edit("shop/settings.py", '    "telemetry",\n', "")
    reader.edit(
        "shop/settings.py", '    "telemetry.middleware.TelemetryMiddleware",\n', ""
    )
    for command in commands("Removing"):
        reader.type(command)
    assert git(reader.folder, "grep", "-il", "telemetry", check=False) == ""


def test_every_command_of_the_readme_is_run() -> None:
    """Those of other sections are targets of the Makefile that tests are about."""
    followed = ["Quick start", "Customising", "Updating", "Removing", "Developing"]
    total = len(re.findall(r"^\$ ", README, re.MULTILINE))
    assert sum(len(commands(section)) for section in followed) == total
    assert commands("Developing") == ["make demo", "make test"]


def test_the_line_that_the_readme_shows_is_the_one_of_the_specification() -> None:
    [block] = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    line: dict[str, Any] = json.loads(block)
    pretty = next(row for row in README.splitlines() if "[info     ]" in row)
    shown = " ".join(
        f"{key}={value}"
        for key, value in list(line.items())
        if "." in key or key in ("duration_ms", "labels")
    )
    assert pretty.endswith(shown)
