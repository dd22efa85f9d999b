"""What the documents and workflows of this repository state is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .support import REPOSITORY

WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))


def jobs(workflow: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(workflow.read_text())["jobs"]
    return found


def test_documents_name_the_copier_that_is_required() -> None:
    required = yaml.safe_load((REPOSITORY / "copier.yml").read_text())
    for name in ("README.md", "SECURITY.md"):
        text = (REPOSITORY / name).read_text()
        named = re.findall(r"copier>=([\d.]+)|(\d+\.\d+\.\d+) or newer", text)
        assert named, name
        assert {a or b for a, b in named} == {required["_min_copier_version"]}, name


def test_the_versions_of_django_and_python_are_those_that_ci_tests() -> None:
    matrix = jobs(WORKFLOWS[0])["test"]["strategy"]["matrix"]
    supported = f"| {matrix['python'][0]} to {matrix['python'][-1]} "
    supported += f"| {matrix['django'][0]} to {matrix['django'][-1]} |"
    assert supported in (REPOSITORY / "SECURITY.md").read_text()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)
def test_jobs_are_limited_and_only_publishing_may_write(workflow: Path) -> None:
    assert yaml.safe_load(workflow.read_text())["permissions"] == {"contents": "read"}
    for name, job in jobs(workflow).items():
        assert "uses" in job or job["timeout-minutes"] <= 60, name
        if job.get("permissions"):
            assert "make" not in str(job["steps"]), name


def test_every_list_of_requirements_is_compiled() -> None:
    command = ["make", "--dry-run", "--always-make", "constraints"]
    shown = subprocess.check_output(command, cwd=REPOSITORY, text=True)
    names = {file.stem for file in (REPOSITORY / "requirements").glob("*.in")}
    [listed] = re.findall(r"for name in (.*?);", shown)
    assert set(listed.split()) == names


def test_one_test_of_the_package_can_be_run() -> None:
    command = [sys.executable, "-m", "scripts.package", "test_labels"]
    finished = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert re.search(r"Ran \d tests?", finished.stderr)


def test_commands_for_contributors_select_tests() -> None:
    text = (REPOSITORY / "CONTRIBUTING.md").read_text()
    commands = re.findall(r"""ARGS=(?:"(.*?)"|([\w/.]+))""", text)
    files = {REPOSITORY / name for name in re.findall(r"tests/test_\w+\.py", text)}
    assert len(commands) >= 10
    assert {file for file in files if not file.exists()} == set()
    tests = [*(REPOSITORY / "tests").glob("test_*.py")]
    for word in re.findall(r"-k (\w+)", text):
        assert [file for file in tests if word in file.read_text()], word
