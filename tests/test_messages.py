"""What Copier prints is right for this project, as it stands."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from .support import Project, Template, Terminal, commit, copier_command, git, template
from .support.releases import next_release
from .test_updates import EVERYTHING, project_of, unmerged


@pytest.fixture(scope="session")
def two_releases(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The work tree as v1.0.0, and a v1.1.0 that changes much. Not to be changed."""
    template = Template(tmp_path_factory.mktemp("two_releases") / "template")
    next_release(template)
    return template


@pytest.fixture
def project(tmp_path: Path, two_releases: Template) -> Path:
    """A committed copy of v1.0.0 with all options."""
    with project_of(two_releases, **EVERYTHING) as folder:
        return folder.rename(tmp_path / "my shop")


def files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def copy_message(folder: Path, options: str = "") -> list[str]:
    """Copy into `folder`, from within, and return the message's lines."""
    folder.mkdir(parents=True, exist_ok=True)
    message = copier_command(f"copier copy -l {options} {template()} .", folder).stderr
    _, _, after = message.rpartition(".copier-answers.yml\n")
    return after.strip().splitlines()


# -- after a copy --------------------------------------------------------------


@pytest.mark.parametrize(
    ("present", "where", "app"),
    [
        (["manage.py"], ".", "telemetry"),
        (["backend/manage.py"], "backend", "telemetry"),
        (["manage.py", "shop/__init__.py"], "shop", "shop.telemetry"),
        (["src/acme/__init__.py"], "src/acme", "acme.telemetry"),
        (
            ["src/acme/__init__.py", "src/acme/web/__init__.py"],
            "src/acme/web",
            "acme.web.telemetry",
        ),
        (["pyproject.toml", "acme/__init__.py"], "acme", "acme.telemetry"),
        # Python imports nothing from the folder above these.
        (["manage.py", "__init__.py"], ".", "telemetry"),
        (["__init__.py"], ".", "telemetry"),
        (["manage.py", "apps/orders/__init__.py"], "apps/orders", "telemetry"),
    ],
    ids=str,
)
def test_the_app_is_named_as_python_imports_it(
    tmp_path: Path, present: list[str], where: str, app: str
) -> None:
    repository = tmp_path / "repository"
    files(repository, *present)
    message = "\n".join(copy_message(repository / where))
    assert f'INSTALLED_APPS = ["{app}", ...]' in message
    assert f'MIDDLEWARE = ["{app}.middleware.TelemetryMiddleware", ...]' in message


@pytest.mark.parametrize(
    ("present", "where", "command"),
    [
        ("manage.py", ".", "python manage.py check"),
        ("manage.py", "src", "python ../manage.py check"),
        ("manage.py", "src/acme", "python ../../manage.py check"),
        ("backend/manage.py", ".", "python manage.py check  # once there is one"),
    ],
)
def test_the_check_command_names_a_manage_py_that_exists(
    tmp_path: Path, present: str, where: str, command: str
) -> None:
    repository = tmp_path / "repository"
    files(repository, present)
    assert f"    {command}" in copy_message(repository / where)


def test_a_project_that_uv_manages_gets_commands_of_uv(tmp_path: Path) -> None:
    files(tmp_path, "uv.lock", "manage.py")
    message = copy_message(tmp_path)
    assert "    uv add -r telemetry/requirements.txt" in message
    assert "    uv run python manage.py check" in message


def test_a_yes_that_was_not_given_has_its_reason(tmp_path: Path) -> None:
    files(tmp_path, "chat/consumers.py", "config/celery.py")
    message = copy_message(tmp_path, "-d use_celery=yes")
    assert "use_channels is yes because of chat/consumers.py." in message
    assert not [line for line in message if "use_celery" in line]


def test_no_reason_is_made_up(tmp_path: Path) -> None:
    files(tmp_path, "orders/tasks.py")
    assert not [line for line in copy_message(tmp_path) if "because of" in line]


def test_an_app_of_the_same_name_is_named_and_can_be_told_apart(tmp_path: Path) -> None:
    project = Project.start(tmp_path / "shop", otel_exporter="none")
    project.write("orders/telemetry/__init__.py", "")
    project.write(
        "orders/telemetry/apps.py",
        "from django.apps import AppConfig\n\n\n"
        "class TelemetryConfig(AppConfig):\n"
        '    name = "orders.telemetry"\n',
    )
    message = copier_command(f"copier copy -l {template()} .", project.folder).stderr
    assert "orders/telemetry is an app called telemetry, too:\n" in message
    old, new = '    "telemetry",', '    "telemetry",\n    "orders.telemetry",'
    project.edit("config/settings.py", old, new)
    assert "labels aren't unique" in project.manage("check", check=False).stderr
    project.edit("telemetry/apps.py", 'label = "telemetry"', 'label = "log_lines"')
    project.manage("check", "--fail-level=WARNING")


# -- before and after an update ------------------------------------------------


def test_files_that_an_answer_would_delete_are_named_at_the_prompt(
    project: Path,
) -> None:
    terminal = Terminal("update", "--vcs-ref=v1.0.0", cwd=str(project))
    for question in ("ids", "Channels", "Celery", "queries", "what else", "exporter"):
        terminal.answer(question)
    for question in ("libraries", "service", "log store", "HTTP fields"):
        terminal.answer(question)
    screen = " ".join(terminal.wait().split())
    before, _, prompts = screen.partition("Keeping template version")
    assert "if you now switch off what they are for: telemetry/websocket.py" in before
    note = r"Switched off, it deletes \d+ of the files named above"
    assert re.search(rf"Log Celery tasks\? {note}", prompts)
    assert re.search(rf"log store reads the JSON lines\? {note}", prompts)


def test_notes_of_each_release_that_was_crossed_are_printed(
    tmp_path: Path, two_releases: Template
) -> None:
    git(tmp_path, "clone", "--quiet", str(two_releases.folder), "template")
    template = Template.at(tmp_path / "template")
    changelog = template.folder / "CHANGELOG.md"
    newer = "## [1.2.0] - 2027-02-28\n\n### Fixed\n\n- {Rain} is wet.\n\n## [1.1.0]"
    changelog.write_text(changelog.read_text().replace("## [1.1.0]", newer))
    template.release("v1.2.0")

    template.copy(tmp_path / "shop", vcs_ref="v1.0.0")
    commit(tmp_path / "shop")
    message = copier_command("copier update -l shop", tmp_path).stderr
    _, _, notes = message.partition("Updating to template version 1.2.0\n")
    notes, _, _ = notes.partition("telemetry/ is now v1.2.0")
    assert notes.splitlines() == [
        "## [1.2.0] - 2027-02-28",
        "",
        "### Fixed",
        "",
        "- {Rain} is wet.",
        "",
        "## [1.1.0] - 2027-01-31",
        "",
        "### Added",
        "",
        "- The weather, in every line.",
        "",
    ]
    commit(tmp_path / "shop")
    assert "##" not in copier_command("copier update -l shop", tmp_path).stderr


def test_notes_are_printed_beside_the_answers_of_another_template(
    tmp_path: Path, two_releases: Template
) -> None:
    (tmp_path / ".copier-answers.yml").write_text("_commit: v1.1.0\n")
    two_releases.copy(tmp_path, vcs_ref="v1.0.0")
    commit(tmp_path)
    command = "copier update -l -a .copier-answers.telemetry.yml"
    message = copier_command(command, tmp_path).stderr
    assert "## [1.1.0]" in message
    assert "## [1.0.0]" not in message


def test_the_commands_after_an_update_name_conflicts_and_new_files(
    project: Path,
) -> None:
    """Also from elsewhere, in a folder with a blank in its name."""
    edit_where_the_release_does(project / "telemetry" / "labels.py")
    commit(project)
    message = copier_command("copier update -l 'my shop'", project.parent).stderr
    commands = [line.strip() for line in message.splitlines() if "git -C" in line]
    conflicts, status, difference = (
        subprocess.check_output(shlex.split(command), cwd=project.parent, text=True)
        for command in commands
    )
    assert conflicts == "telemetry/labels.py\n"
    assert unmerged(project) == ["telemetry/labels.py"]
    assert "?? telemetry/internals/climate.py\n" in status
    assert "+# Improved in this release." in difference
    assert "pip install -r 'my shop/telemetry/requirements.txt'" in message
    assert "not merged" not in message


def test_edits_that_copier_did_not_merge_are_named(project: Path) -> None:
    """With this configuration of git, Copier does not find its own `*.rej`."""
    git(project, "config", "status.showUntrackedFiles", "no")
    edit_where_the_release_does(project / "telemetry" / "labels.py")
    commit(project)
    message = copier_command("copier update -l", project).stderr
    assert unmerged(project) == []
    assert "not merged, to be made again: telemetry/labels.py.rej\n" in message
    [status] = [line for line in message.splitlines() if "git status" in line]
    shown = subprocess.check_output(shlex.split(status), cwd=project, text=True)
    assert "?? telemetry/internals/climate.py\n" in shown


def edit_where_the_release_does(file: Path) -> None:
    first, *rest = file.read_text().splitlines(keepends=True)
    file.write_text("".join([first, "# Edited by the project.\n", *rest]))


def test_messages_fit_into_a_terminal(tmp_path: Path, project: Path) -> None:
    files(tmp_path / "shop", "chat/consumers.py", "config/celery.py", "manage.py")
    after_copy = copy_message(tmp_path / "shop", "-d typo=1")
    assert len(after_copy) <= 15
    message = copier_command("copier update -l", project).stderr
    _, _, after_update = message.partition("telemetry/ is now")
    assert max(map(len, [*after_copy, *after_update.splitlines()])) <= 80
