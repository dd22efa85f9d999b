"""The package's own tests pass in a project that has only what it asks for."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from .support import Interpreter, Project, combinations

FIELD_NAMES = ("classic", "stable")
RESOURCES = ("", "tournament", "tournament, draft, match, team", "person: people")


def cases() -> list[Any]:
    """Every set of requirements; interpreters, Djangos and the rest take turns."""
    sets = itertools.product(
        (True, False), (True, False), ("none", "console", "otlp-http", "otlp-grpc")
    )
    turns = itertools.cycle(combinations())
    found = []
    for number, (channels, celery, exporter) in enumerate(sets):
        interpreter, django = next(turns)
        answers = {
            "use_channels": channels,
            "use_celery": celery,
            "otel_exporter": exporter,
            "field_names": FIELD_NAMES[number % 2],
            "resource_labels": RESOURCES[number % 4],
            "log_queries": number % 3 == 1,
        }
        chosen = ["channels"] * channels + ["celery"] * celery + [exporter]
        name = f"py{interpreter.minor}-django{django}-{'-'.join(chosen)}"
        # Every third, which is each exporter, and each interpreter, at least once.
        with_pytest = number % 3 == 0
        found.append(pytest.param(interpreter, django, answers, with_pytest, id=name))
    return found


@pytest.mark.parametrize(("interpreter", "django", "answers", "with_pytest"), cases())
def test_the_rendered_tests_pass(
    tmp_path: Path,
    interpreter: Interpreter,
    django: str,
    answers: dict[str, Any],
    with_pytest: bool,
) -> None:
    """Under `manage.py test`, and under pytest once that is installed beside."""
    project = Project.start(
        tmp_path / "shop", interpreter=interpreter, django=django, **answers
    )
    project.manage("check", "--fail-level=WARNING")
    assert count(project.manage("test", "telemetry").stderr) > 0

    if with_pytest:
        other = project.with_extra("pytest", "pytest-django")
        assert "passed" in other.run("pytest", "telemetry").stdout


def test_the_rendered_tests_pass_on_the_oldest_requirements(tmp_path: Path) -> None:
    """The floors of requirements.txt are versions that work."""
    interpreter, django = combinations()[0]
    project = Project.start(
        tmp_path / "shop",
        interpreter=interpreter,
        django=django,
        resolution="lowest-direct",
        use_channels=True,
        use_celery=True,
        otel_exporter="otlp-http",
        resource_labels=RESOURCES[2],
    )
    project.manage("check", "--fail-level=WARNING")
    assert count(project.manage("test", "telemetry").stderr) > 0


def count(output: str) -> int:
    found = re.search(r"Ran (\d+) test", output)
    return int(found[1]) if found else 0
