"""Teams own the code and still get improvements."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .support import (
    REPOSITORY,
    Template,
    commit,
    environment,
    export,
    git,
    interpreters,
    render,
    template,
)

EVERYTHING: dict[str, Any] = {
    "resource_labels": "tournament, person: people",
    "use_channels": True,
    "use_celery": True,
    "log_queries": True,
    "also_log": ["running", "commands"],
    "otel_exporter": "otlp-http",
    "otel_libraries": ["redis"],
    "log_schema": "ecs",
    "service_name": "shop",
    "field_names": "stable",
}
NOTHING: dict[str, Any] = {
    "resource_labels": "",
    "use_channels": False,
    "use_celery": False,
    "log_queries": False,
    "also_log": [],
    "otel_exporter": "none",
    "otel_libraries": [],
    "log_schema": "plain",
    "service_name": "other",
    "field_names": "classic",
}

IMPROVEMENT = "# Improved in this release."
EDIT = "# Edited by the project."


@pytest.fixture(scope="session")
def improved(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A template whose second release adds a line near the top of every file."""
    template = Template(tmp_path_factory.mktemp("improved") / "template")
    for file in files(template.folder / "template" / "telemetry"):
        first, *rest = file.read_text().splitlines(keepends=True) or [""]
        file.write_text("".join([first, f"{IMPROVEMENT}\n", *rest]))
    template.release("v1.1.0")
    return template


def files(package: Path) -> list[Path]:
    return sorted(
        file
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    )


def tree(folder: Path) -> dict[str, Any]:
    """Return each file's text by its path, and what was answered."""
    found: dict[str, Any] = {
        str(file.relative_to(folder)): file.read_text()
        for file in files(folder)
        if ".git" not in file.relative_to(folder).parts
    }
    answers = yaml.safe_load(found.pop(".copier-answers.yml"))
    given = {key: value for key, value in answers.items() if key[0] != "_"}
    return {**found, "answers": given}


def unmerged(folder: Path) -> list[str]:
    """What the message after an update tells people to run."""
    return git(folder, "diff", "--name-only", "--diff-filter=U").split()


@contextmanager
def project_of(
    template: Template, version: str = "v1.0.0", /, **answers: object
) -> Iterator[Path]:
    """A committed copy of that release, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "shop"
        template.copy(folder, vcs_ref=version, **answers)
        commit(folder)
        yield folder


# -- the same release, another answer ------------------------------------------


@pytest.mark.parametrize("where", [".", "backend", "src/acme"])
def test_updating_to_the_same_release_changes_nothing(
    tmp_path: Path, released: Template, where: str
) -> None:
    released.copy(tmp_path / where, **EVERYTHING)
    commit(tmp_path)
    released.update(tmp_path / where)
    assert git(tmp_path, "status", "--porcelain") == ""


@pytest.mark.parametrize("question", EVERYTHING)
@pytest.mark.parametrize(
    ("before", "after"),
    [(NOTHING, EVERYTHING), (EVERYTHING, NOTHING)],
    ids=["on", "off"],
)
def test_changing_one_answer_gives_what_a_fresh_copy_would(
    tmp_path: Path,
    released: Template,
    question: str,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    changed = {question: after[question]}
    with project_of(released, **before) as project:
        released.update(project, **changed)
        updated = tree(project)
    # What is asked only with an exporter takes its default once there is one.
    answers = before | changed | updated["answers"]
    assert all(answers[key] == value for key, value in changed.items())
    render(tmp_path / "fresh", **answers)
    assert updated == tree(tmp_path / "fresh")


ANSWERS = st.fixed_dictionaries(
    {
        "resource_labels": st.one_of(
            st.just(""),
            st.lists(
                st.sampled_from(["team", "match", "user", "draft_pick", "city"]),
                unique=True,
            ),
            st.dictionaries(
                st.sampled_from(["person", "child", "mouse"]),
                st.sampled_from([None, "folk"]),
                max_size=1,
            ),
        ),
        "use_channels": st.booleans(),
        "use_celery": st.booleans(),
        "otel_exporter": st.sampled_from(["none", "console", "otlp-http", "otlp-grpc"]),
        "service_name": st.from_regex(r"[a-z][a-z0-9._-]{0,9}", fullmatch=True),
        "log_queries": st.booleans(),
        "also_log": st.sampled_from([[], ["running"], ["commands"]]),
        "log_schema": st.sampled_from(["plain", "gcp", "datadog", "ecs"]),
        "field_names": st.sampled_from(["classic", "stable"]),
    }
)
FEW = settings(
    max_examples=6,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@FEW
@given(before=ANSWERS, after=ANSWERS)
def test_changing_any_answers_gives_what_a_fresh_copy_would(
    released: Template, before: dict[str, Any], after: dict[str, Any]
) -> None:
    with project_of(released, **before) as project:
        released.update(project, **after)
        render(project.parent / "fresh", **after)
        assert tree(project) == tree(project.parent / "fresh")


# -- a new release over edits --------------------------------------------------


def test_an_improvement_of_every_file_keeps_an_edit_in_every_file(
    improved: Template,
) -> None:
    """Conflicts stand only in files so short that both changed the same place."""
    with project_of(improved, **EVERYTHING) as project:
        package = project / "telemetry"
        for file in files(package):
            with file.open("a") as open_file:
                open_file.write(f"{EDIT}\n")
        short = {
            str(file.relative_to(project))
            for file in files(package)
            if len(file.read_text().splitlines()) <= 3
        }
        commit(project)
        improved.update(project)
        for file in files(package):
            assert EDIT in file.read_text(), file
            assert IMPROVEMENT in file.read_text(), file
        assert set(unmerged(project)) <= short
        assert not list(project.rglob("*.rej"))


def edit_label(package: Path) -> None:
    above_anchor(package / "labels.py", '    "staff": "staff",\n')


def edit_redaction(package: Path) -> None:
    above_anchor(package / "redaction.py", '    "passport",\n')


def edit_function(package: Path) -> None:
    file = package / "users.py"
    text = file.read_text()
    start = text.index("def ")
    body = text.index("\n    ", start)
    file.write_text(f"{text[:body]}\n    assert True{text[body:]}")


def edit_line_length(package: Path) -> None:
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache"]
    subprocess.run([*command, "--quiet", "--line-length=60", package], check=True)


def edit_away(package: Path) -> None:
    (package / "streaming.py").unlink()


def edit_tests(package: Path) -> None:
    (package / "tests" / "test_ours.py").write_text("def test_ours():\n    pass\n")


def above_anchor(file: Path, entry: str) -> None:
    anchor = "    # Add your own below this line.\n"
    text = file.read_text()
    assert anchor in text, f"{file.name} has no anchor"
    file.write_text(text.replace(anchor, entry + anchor, 1))


EDITS = [
    edit_label,
    edit_redaction,
    edit_function,
    edit_line_length,
    edit_away,
    edit_tests,
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_a_typical_edit_survives_an_improvement_of_every_file(
    improved: Template, edit: Any
) -> None:
    """What an update brings is the same with the edit as without."""
    with project_of(improved, **EVERYTHING) as project:
        edit(project / "telemetry")
        commit(project)
        edited = tree(project)
        improved.update(project)
        assert unmerged(project) == []
        for path, text in tree(project).items():
            if path.endswith("test_ours.py") or path == "answers":
                continue
            lines = edited[path].splitlines()
            assert text.splitlines() == [*lines[:1], IMPROVEMENT, *lines[1:]], path
        assert tree(project).keys() == edited.keys()


def test_a_new_entry_of_ours_and_one_of_theirs_both_stay(tmp_path: Path) -> None:
    """Both append to one list; the anchor keeps their lines apart."""
    template = Template(tmp_path / "template")
    redaction = template.folder / "template" / "telemetry" / "redaction.py"
    lines = redaction.read_text().splitlines(keepends=True)
    anchor = lines.index("    # Add your own below this line.\n")
    lines.insert(anchor - 3, '    "newly_known",\n')
    redaction.write_text("".join(lines))
    template.release("v1.1.0")
    with project_of(template) as project:
        edit_redaction(project / "telemetry")
        commit(project)
        template.update(project)
        text = (project / "telemetry" / "redaction.py").read_text()
        assert '    "newly_known",\n' in text
        assert '    "passport",\n' in text
        assert unmerged(project) == []


@FEW
@given(data=st.data(), before=ANSWERS, after=ANSWERS)
def test_edits_survive_an_improvement_and_other_answers(
    improved: Template,
    data: st.DataObject,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    """Whatever is added at the end of whichever files that the new answers keep."""
    with project_of(improved, **before) as project:
        candidates = files(project / "telemetry")
        edited = data.draw(st.lists(st.sampled_from(candidates), unique=True))
        for file in edited:
            with file.open("a") as open_file:
                open_file.write(f"{EDIT}\n")
        commit(project)
        improved.update(project, **after)
        render(project.parent / "fresh", **after)
        assert tree(project).keys() == tree(project.parent / "fresh").keys()
        for file in edited:
            if file.exists():
                assert EDIT in file.read_text()
                assert IMPROVEMENT in file.read_text()


# -- what is announced ---------------------------------------------------------


def copier(command: str, cwd: Path) -> str:
    """Run a command as people paste it and return what it said."""
    finished = subprocess.run(
        [sys.executable, "-m", "copier", *shlex.split(command)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stderr


def test_a_conflict_is_announced_with_the_command_that_names_its_files(
    improved: Template,
) -> None:
    with project_of(improved) as project:
        labels = project / "telemetry" / "labels.py"
        first, *rest = labels.read_text().splitlines(keepends=True)
        labels.write_text("".join([first, "# Ours.\n", *rest]))
        commit(project)
        said = copier("update --defaults", cwd=project)
        assert "git diff --name-only --diff-filter=U" in said
        assert unmerged(project) == ["telemetry/labels.py"]
        assert "<<<<<<< before updating" in labels.read_text()


def test_the_commands_after_an_update_work_from_where_it_was_run(
    tmp_path: Path, improved: Template
) -> None:
    improved.copy(tmp_path / "my shop", vcs_ref="v1.0.0")
    commit(tmp_path / "my shop")
    said = copier('update --defaults "my shop"', cwd=tmp_path)
    assert "telemetry/ is now v1.1.0. What changed, and why" in said
    for command in [line.strip() for line in said.splitlines() if "git -C" in line]:
        subprocess.run(shlex.split(command), cwd=tmp_path, check=True)
    assert "pip install -r 'my shop/telemetry/requirements.txt'" in said


def test_files_that_an_answer_deletes_are_named_before_the_update(
    released: Template,
) -> None:
    """A template without trust cannot see edits, so it names all that goes."""
    with project_of(released, **EVERYTHING) as project:
        doomed = project / "telemetry" / "tracing_of_our_own.py"
        doomed.write_text("# Not rendered, so not deleted.\n")
        rendered = project / "telemetry" / "celery.py"
        rendered.write_text("# Rendered once.\n")
        commit(project)
        said = copier("update --defaults -d use_celery=no", cwd=project)
        before, _, _ = said.partition("template version")
        assert "Deleted, your edits included" in before
        assert "telemetry/celery.py" in before
        assert "tracing" not in before


def test_an_update_that_deletes_nothing_threatens_nothing(released: Template) -> None:
    with project_of(released, **EVERYTHING) as project:
        assert "Deleted" not in copier("update --defaults", cwd=project)
        assert "Deleted" not in copier("update -l -d field_names=classic", cwd=project)


# -- oldest and newest ---------------------------------------------------------


def test_the_oldest_copier_that_is_supported_gives_the_same(
    tmp_path: Path, improved: Template
) -> None:
    """A copy and an update with other answers, by 9.15.0 and by what we test with."""
    oldest = yaml.safe_load((template() / "copier.yml").read_text())
    requirement = f"copier=={oldest['_min_copier_version']}"
    old = environment(interpreters()[0], [requirement]) / "copier"
    new = Path(sys.executable).with_name("copier")
    answers = [f"--data={key}={value}" for key, value in EVERYTHING.items()]
    results = []
    for program, name in ((old, "old"), (new, "new")):
        project = tmp_path / name / "shop"
        project.parent.mkdir()

        def run(*arguments: object, program: Path = program) -> None:
            finished = subprocess.run(
                [program, *map(str, arguments)],
                capture_output=True,
                text=True,
                check=False,
            )
            assert finished.returncode == 0, finished.stderr

        run("copy", *answers, "-r", "v1.0.0", improved.folder, project)
        commit(project)
        copied = tree(project)
        run("update", "-l", "-d", "use_celery=no", "-d", "otel_exporter=none", project)
        results.append((copied, tree(project)))
    assert results[0] == results[1]


def release_tags() -> list[str]:
    return git(REPOSITORY, "tag", "--list", "v*", "--sort=version:refname").split()


@pytest.mark.skipif(not release_tags(), reason="nothing was released yet")
@pytest.mark.parametrize(
    "answers", [NOTHING, EVERYTHING], ids=["nothing", "everything"]
)
def test_the_latest_release_updates_to_the_work_tree(
    tmp_path: Path, answers: dict[str, Any]
) -> None:
    """No conflict, no file lost or renamed, and the result is a fresh copy's."""
    tag = release_tags()[-1]
    git(tmp_path, "clone", "--quiet", "--branch", tag, str(REPOSITORY), "template")
    folder = tmp_path / "template"
    last = Template.at(folder)
    with project_of(last, tag, **answers) as project:
        before = tree(project).keys()
        git(folder, "rm", "--quiet", "-r", "copier.yml", "hooks", "template")
        export(folder)
        last.release("v999.0.0")
        last.update(project)
        with project_of(last, "v999.0.0", **answers) as fresh:
            assert tree(project) == tree(fresh)
        assert before <= tree(project).keys()
        assert unmerged(project) == []
