"""A management command leaves one line, and its output stays its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .support import Project, copier_command, json_lines, template

FILES = Path(__file__).parent / "project_files"

# How it ends: the exit status, and the fields of the line.
ENDINGS: dict[str, tuple[int, dict[str, Any]]] = {
    "completed": (
        0,
        {
            "level": "info",
            "event": "command_completed",
            "exit_status": 0,
            "db.queries": 1,
        },
    ),
    "refused": (
        4,
        {
            "level": "error",
            "event": "command_failed",
            "exit_status": 4,
            "error.message": "no such tournament",
            "error.at": "shop/management/commands/work.py:29 in refused",
            "exception": None,
        },
    ),
    "broken": (
        1,
        {
            "event": "command_failed",
            "exit_status": 1,
            "error.type": "ValueError",
            "error.message": "broken on purpose",
        },
    ),
    "exits": (3, {"event": "command_failed", "exit_status": 3, "error.type": None}),
    "exits_with_text": (
        1,
        {
            "event": "command_failed",
            "exit_status": 1,
            "error.message": "nothing to do",
        },
    ),
    "interrupted": (
        -2,
        {
            "event": "command_failed",
            "exit_status": 130,
            "error.type": "KeyboardInterrupt",
            "exception": None,
        },
    ),
    "nested": (0, {"event": "command_completed", "exit_status": 0}),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("commands") / "shop",
        also_log=["commands"],
        log_queries=True,
        otel_exporter="none",
        use_celery=True,
    )
    project.write("shop/__init__.py", "")
    project.write("shop/management/__init__.py", "")
    project.write("shop/management/commands/__init__.py", "")
    project.write(
        "shop/management/commands/work.py", (FILES / "command.py").read_text()
    )
    project.write(
        "shop/tasks.py",
        "from celery import Celery\n"
        'app = Celery("shop", broker="memory://", '
        'task_cls="telemetry.celery:TelemetryTask")\n'
        "app.conf.task_always_eager = True\n"
        "@app.task\ndef work(): pass\n",
    )
    project.edit(
        "config/settings.py", "INSTALLED_APPS = [", 'INSTALLED_APPS = ["shop",'
    )
    project.environ["LOG_FORMAT"] = "json"
    project.manage("migrate", "--verbosity=0")
    return project


def run(
    project: Project, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    return project.manage(*arguments, check=False, **environ)


@pytest.mark.parametrize("ending", ENDINGS)
def test_command_leaves_one_line(project: Project, ending: str) -> None:
    status, fields = ENDINGS[ending]
    finished = run(project, "work", ending)
    assert finished.returncode == status
    assert finished.stdout == "data\n"
    working, line = json_lines(finished.stderr)
    assert {name: line.get(name) for name in fields} == fields
    assert line["command.name"] == working["command.name"] == "work"
    assert line["request.id"] == working["request.id"]
    assert line["rows"] == 3
    assert line["duration_ms"] > 0
    if ending == "broken":
        assert line["exception"].endswith("ValueError: broken on purpose")
        assert all(row.startswith("{") for row in finished.stderr.splitlines())


def test_lines_go_to_stderr_unless_a_stream_is_chosen(project: Project) -> None:
    data = run(project, "dumpdata", "contenttypes").stdout
    assert json.loads(data)
    chosen = run(project, "dumpdata", "contenttypes", LOG_STREAM="stdout")
    assert chosen.stdout.startswith(data)
    assert json_lines(chosen.stdout)[-1]["event"] == "command_completed"
    assert chosen.stderr == ""


def test_task_that_a_command_sends_has_its_context(project: Project) -> None:
    lines = json_lines(run(project, "work", "sends").stderr)
    [task] = [line for line in lines if line["event"] == "task_completed"]
    assert task["command.name"] == "work"
    assert {line["request.id"] for line in lines} == {task["request.id"]}


@pytest.mark.parametrize(
    "arguments",
    [("version",), ("help",), ("--help",), (), ("shell", "--command=print(1)")],
)
def test_silent_command_is_what_it_is_without_us(
    project: Project, arguments: tuple[str, ...]
) -> None:
    ours = run(project, *arguments)
    bare = run(project, *arguments, TELEMETRY_ENABLED="false")
    assert json_lines(ours.stdout + ours.stderr) == []
    assert (ours.stdout, ours.stderr) == (bare.stdout, bare.stderr)


def test_completion_of_a_word_has_no_line(project: Project) -> None:
    finished = run(
        project,
        DJANGO_AUTO_COMPLETE="1",
        COMP_WORDS="manage.py migr",
        COMP_CWORD="1",
    )
    assert finished.stdout == "migrate\n"
    assert finished.stderr == ""


@pytest.mark.parametrize("where", ["environment", "settings"])
def test_switched_off_commands_are_those_of_django(
    project: Project, where: str
) -> None:
    """Also where settings read a file of variables, after this module is imported."""
    project.write(
        "config/off.py",
        "import os\nos.environ['TELEMETRY_ENABLED'] = 'false'\n"
        "from config.settings import *\n",
    )
    environ = {
        "environment": {"TELEMETRY_ENABLED": "false"},
        "settings": {"DJANGO_SETTINGS_MODULE": "config.off"},
    }[where]
    finished = run(project, "work", "refused", **environ)
    assert finished.stdout == "data\n"
    assert finished.stderr == "CommandError: no such tournament\n"


def test_settings_that_fail_are_shown_as_ever(project: Project) -> None:
    finished = run(project, "work", "completed", "--settings=nowhere")
    assert finished.stderr.endswith("ModuleNotFoundError: No module named 'nowhere'\n")
    assert "command_failed" not in finished.stderr


def test_check_names_manage_py_until_it_is_wired(project: Project) -> None:
    ours, django = (
        "from telemetry.commands import",
        "from django.core.management import",
    )
    hint = "In manage.py: from telemetry.commands import execute_from_command_line"
    assert hint not in run(project, "check").stderr
    project.edit("manage.py", ours, django)
    try:
        finished = run(project, "check", "--fail-level=WARNING")
    finally:
        project.edit("manage.py", django, ours)
    assert "telemetry.W008" in finished.stderr
    assert hint in finished.stderr


def test_message_after_a_copy_has_the_edit(tmp_path: Path) -> None:
    command = f"copier copy -l {template()} . -d also_log=[commands]"
    message = copier_command(command, cwd=tmp_path).stderr
    hint = "in manage.py: from telemetry.commands import execute_from_command_line"
    assert hint in message


def test_run_id_is_one_edit(project: Project) -> None:
    old = '        # "command.arguments": arguments,\n'
    new = '        "run.id": arguments[0],\n'
    project.edit("telemetry/fields.py", old, new)
    try:
        lines = json_lines(run(project, "work", "completed").stderr)
    finally:
        project.edit("telemetry/fields.py", new, old)
    assert [line["run.id"] for line in lines] == ["completed"] * 2


def test_mistake_in_fields_costs_its_fields(project: Project) -> None:
    old = '        # "command.arguments": arguments,\n'
    new = '        "run.id": arguments["id"],\n'
    project.edit("telemetry/fields.py", old, new)
    try:
        finished = run(project, "work", "completed")
    finally:
        project.edit("telemetry/fields.py", new, old)
    line = json_lines(finished.stderr)[-1]
    assert line["event"] == "command_completed"
    assert line["telemetry.error"].startswith("command_fields: TypeError")
