"""A copy goes into whatever is there, and touches nothing of it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from .support import Project, Template, Terminal, commit, copier_command, git, template


def line(text: str, start: str) -> str:
    """Return what follows `start` on the line that has it."""
    [found] = [line for line in text.splitlines() if start in line]
    return found.partition(start)[2]


# Each makes a folder ready and says where in it the copy goes.


def an_empty_repository(folder: Path) -> str:
    return "."


def a_fresh_project(folder: Path) -> str:
    (folder / "shop").mkdir()
    (folder / "shop" / "settings.py").write_text("INSTALLED_APPS = []\n")
    (folder / "manage.py").write_text("")
    return "."


def a_project_in_backend(folder: Path) -> str:
    (folder / "backend").mkdir()
    (folder / "backend" / "manage.py").write_text("")
    (folder / "frontend").mkdir()
    (folder / "frontend" / "index.js").write_text("")
    return "backend"


def a_nested_package(folder: Path) -> str:
    (folder / "src" / "acme").mkdir(parents=True)
    (folder / "src" / "acme" / "__init__.py").write_text("")
    return "src/acme"


def a_path_with_spaces(folder: Path) -> str:
    (folder / "my project's [code]").mkdir()
    return "my project's [code]"


def a_folder_that_is_not_there_yet(folder: Path) -> str:
    return "new/shop"


def a_project_of_another_template(folder: Path) -> str:
    (folder / ".copier-answers.yml").write_text(
        "_commit: v3\n_src_path: gh:someone/else\nservice_name: No Good Here\n"
        "use_celery: true\n"
    )
    return "."


DESTINATIONS = [
    an_empty_repository,
    a_fresh_project,
    a_project_in_backend,
    a_nested_package,
    a_path_with_spaces,
    a_folder_that_is_not_there_yet,
    a_project_of_another_template,
]


@pytest.mark.parametrize("prepare", DESTINATIONS, ids=lambda f: f.__name__)
def test_a_copy_adds_two_things_and_its_own_commands_work(
    tmp_path: Path, released: Template, prepare: Callable[[Path], str]
) -> None:
    """It adds `telemetry/` and the answers; the update command it prints is exact."""
    folder = tmp_path / "repository"
    folder.mkdir()
    where = prepare(folder)
    commit(folder)

    command = ["copier", "copy", "--defaults", str(released.folder), where]
    message = copier_command(shlex.join(command), cwd=folder).stderr

    status = git(folder, "status", "--porcelain", "-z", "--untracked-files=all")
    files = [Path(entry[3:]) for entry in status.split("\0") if entry]
    assert {entry[:2] for entry in status.split("\0") if entry} == {"??"}
    answers = ".copier-answers.yml"
    if prepare is a_project_of_another_template:
        answers = ".copier-answers.telemetry.yml"
    relative = {file.relative_to(where) for file in files}
    assert {file.parts[0] for file in relative} == {"telemetry", answers}

    [requirements] = shlex.split(line(message, "pip install -r "))
    assert (folder / requirements).is_file()
    assert "telemetry/ v1.0.0 is in place" in message

    commit(folder)
    copier_command(
        f"copier update {line(message, ': copier update')} --defaults", cwd=folder
    )
    assert git(folder, "status", "--porcelain") == ""


def test_the_answers_of_another_template_are_left_alone(
    tmp_path: Path, released: Template
) -> None:
    """Ours stand beside them, through copies, updates and changes of mind."""
    a_project_of_another_template(tmp_path)
    theirs = (tmp_path / ".copier-answers.yml").read_text()
    name = ".copier-answers.telemetry.yml"

    released.copy(tmp_path, service_name="shop", use_celery=False)
    commit(tmp_path)
    released.update(tmp_path, answers_file=name, use_celery=True)

    assert (tmp_path / ".copier-answers.yml").read_text() == theirs
    ours = yaml.safe_load((tmp_path / name).read_text())
    assert (ours["service_name"], ours["use_celery"]) == ("shop", True)


def test_a_plain_folder_without_git_is_fine(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    message = copier_command(f"copier copy -l {template()} shop", cwd=tmp_path).stderr
    assert sorted(file.name for file in (tmp_path / "shop").iterdir()) == [
        ".copier-answers.yml",
        "telemetry",
    ]
    assert "cannot be updated later" in message


def test_a_template_without_releases_can_be_copied_and_updated(tmp_path: Path) -> None:
    template = Template(tmp_path / "template", version=None)
    template.copy(tmp_path / "shop")
    commit(tmp_path / "shop")
    with (template.folder / "template" / "telemetry" / "__init__.py").open("a") as file:
        file.write("# Improved.\n")
    template.release(None)
    template.update(tmp_path / "shop")
    init = tmp_path / "shop" / "telemetry" / "__init__.py"
    assert init.read_text().endswith("# Improved.\n")


def test_a_foreign_telemetry_folder_is_announced_and_kept(tmp_path: Path) -> None:
    """Nothing of it is overwritten without a yes to that very file."""
    (tmp_path / "telemetry").mkdir()
    (tmp_path / "telemetry" / "__init__.py").write_text("mine = 1\n")
    (tmp_path / "telemetry" / "apps.py").write_text("mine = 2\n")
    (tmp_path / "telemetry" / "rockets.py").write_text("mine = 3\n")

    terminal = Terminal("copy", "--defaults", str(template()), str(tmp_path))
    terminal.answer("Overwrite telemetry/", "n", enter=False)
    terminal.answer("Overwrite telemetry/", "n", enter=False)
    screen = terminal.wait()

    assert "telemetry/ exists already and is not from this template:" in screen
    assert "telemetry/__init__.py, telemetry/apps.py, telemetry/rockets.py" in screen
    for number, name in enumerate(["__init__", "apps", "rockets"], start=1):
        text = (tmp_path / "telemetry" / f"{name}.py").read_text()
        assert text == f"mine = {number}\n"


def test_a_foreign_telemetry_folder_is_kept_where_nobody_can_be_asked(
    tmp_path: Path,
) -> None:
    (tmp_path / "telemetry").mkdir()
    (tmp_path / "telemetry" / "apps.py").write_text("mine = 2\n")
    finished = subprocess.run(
        [sys.executable, "-m", "copier", "copy", "-l", str(template()), "."],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode != 0
    assert "not from this template" in finished.stderr
    assert (tmp_path / "telemetry" / "apps.py").read_text() == "mine = 2\n"


def test_a_second_copy_recommends_an_update(tmp_path: Path) -> None:
    copier_command(f"copier copy -l {template()} .", cwd=tmp_path)
    finished = copier_command(f"copier copy -l {template()} .", cwd=tmp_path)
    assert "`copier update` merges" in finished.stderr


def test_a_branch_that_was_asked_for_is_asked_for_again(
    tmp_path: Path, released: Template
) -> None:
    command = f"copier copy -l -r HEAD {released.folder} shop"
    message = copier_command(command, cwd=tmp_path).stderr
    assert message.rstrip().endswith(": copier update -r HEAD shop")


def test_removing_leaves_no_trace(tmp_path: Path) -> None:
    """Two edits back and two deletions, and git sees nothing."""
    project = Project.start(tmp_path / "shop", wire=False, otel_exporter="none")
    generated = [".copier-answers.yml", "telemetry"]
    exclude = "".join(f"/{name}\n" for name in generated)
    commit_all_but(project.folder, exclude)

    project.wire()
    project.manage("check")
    for name in generated:
        git(project.folder, "clean", "-qdfx", "--", name)
    project.edit("config/settings.py", '\n    "telemetry",', "")
    project.edit(
        "config/settings.py",
        '\n    "telemetry.middleware.TelemetryMiddleware",',
        "",
    )
    assert git(project.folder, "status", "--porcelain", "--ignored") == ""
    project.manage("check")


def commit_all_but(folder: Path, exclude: str) -> None:
    git(folder, "init", "--quiet")
    (folder / ".git" / "info" / "exclude").write_text(exclude)
    commit(folder)
