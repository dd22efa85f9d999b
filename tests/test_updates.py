"""Teams own the code and still get improvements."""

from __future__ import annotations

import hashlib
import re
import shutil
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
    Template,
    commit,
    environment,
    git,
    interpreters,
    render,
    template,
)
from .support.releases import ANCHOR, IMPROVEMENT, files, improve

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

EDIT = "# Edited by the project."


@pytest.fixture(scope="session")
def improved(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A template whose second release adds a line near the top of every file."""
    template = Template(tmp_path_factory.mktemp("improved") / "template")
    for file in files(template.folder / "template" / "telemetry"):
        improve(file)
    template.release("v1.1.0")
    return template


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
    # Each is made once, and then copied as it is, because Copier takes longer.
    made = template.folder.parent / "made" / f"{version} {sorted(answers.items())!r}"
    original = made.with_name(hashlib.sha256(made.name.encode()).hexdigest()) / "shop"
    if not original.exists():
        template.copy(original, vcs_ref=version, **answers)
        commit(original)
    with tempfile.TemporaryDirectory() as temporary:
        yield shutil.copytree(original, Path(temporary) / "shop")


# -- the same release, another answer ------------------------------------------


@pytest.mark.parametrize("where", [".", "backend", "src/acme"])
def test_updating_to_the_same_release_changes_nothing(
    tmp_path: Path, released: Template, where: str
) -> None:
    released.copy(tmp_path / where, **EVERYTHING)
    commit(tmp_path)
    released.update(tmp_path / where)
    assert git(tmp_path, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("before", "question", "answer"),
    [
        *((NOTHING, question, answer) for question, answer in EVERYTHING.items()),
        *((EVERYTHING, question, answer) for question, answer in NOTHING.items()),
        (EVERYTHING, "also_log", ["running"]),
        (EVERYTHING, "also_log", ["commands"]),
    ],
    ids=lambda value: "" if isinstance(value, dict) else str(value),
)
def test_changing_one_answer_gives_what_a_fresh_copy_would(
    tmp_path: Path,
    released: Template,
    capsys: pytest.CaptureFixture[str],
    before: dict[str, Any],
    question: str,
    answer: Any,
) -> None:
    """All files that the update deletes are announced, and no others."""
    with project_of(released, **before) as project:
        released.update(project, quiet=False, **{question: answer})
        updated = tree(project)
        deleted = git(project, "diff", "--name-only", "--diff-filter=D").split()
    # What is asked only with an exporter takes its default once there is one.
    answers = before | {question: answer} | updated["answers"]
    assert answers[question] == answer
    render(tmp_path / "fresh", **answers)
    assert updated == tree(tmp_path / "fresh")

    announced, _, _ = capsys.readouterr().err.partition("template version")
    assert sorted(re.findall(r"telemetry/[\w/.]+", announced)) == sorted(deleted)
    assert ("Deleted, your edits included" in announced) == bool(deleted)


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
    max_examples=3,
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
    below_anchor(package / "labels.py", '    "staff": "staff",\n')


def edit_field(package: Path) -> None:
    below_anchor(package / "fields.py", '    "site": "shop",\n')


def edit_function(package: Path) -> None:
    file = package / "labels.py"
    text = file.read_text()
    start = text.index("\ndef ")
    body = text.index("\n    ", start)
    file.write_text(f"{text[:body]}\n    assert True{text[body:]}")


def edit_line_length(package: Path) -> None:
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache"]
    subprocess.run([*command, "--quiet", "--line-length=60", package], check=True)


def edit_away(package: Path) -> None:
    (package / "tests" / "test_labels.py").unlink()


def edit_tests(package: Path) -> None:
    (package / "tests" / "test_ours.py").write_text("def test_ours():\n    pass\n")


def below_anchor(file: Path, entry: str) -> None:
    anchor = f"    {ANCHOR}\n"
    text = file.read_text()
    assert anchor in text, f"{file.name} has no anchor"
    file.write_text(text.replace(anchor, anchor + entry, 1))


TOGETHER = [edit_label, edit_field, edit_function, edit_away, edit_tests]


@pytest.mark.parametrize(
    "edits", [TOGETHER, [edit_line_length]], ids=["by hand", "by a formatter"]
)
def test_typical_edits_survive_an_improvement_of_every_file(
    improved: Template, edits: list[Any]
) -> None:
    """What an update brings is the same with the edits as without."""
    with project_of(improved, **EVERYTHING) as project:
        for edit in edits:
            edit(project / "telemetry")
        commit(project)
        edited = tree(project)
        improved.update(project)
        assert unmerged(project) == []
        for path, text in tree(project).items():
            if path.endswith("test_ours.py") or path == "answers":
                continue
            assert text.count(f"{IMPROVEMENT}\n") == 1, path
            assert text.replace(f"{IMPROVEMENT}\n", "") == edited[path]
        assert tree(project).keys() == edited.keys()


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


# -- oldest and newest ---------------------------------------------------------


def test_the_oldest_copier_that_is_supported_gives_the_same(
    tmp_path: Path, improved: Template
) -> None:
    """A copy and an update with other answers, by the oldest and by the one of this environment."""
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
