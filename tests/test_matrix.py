"""Every combination of answers gives code that tools and readers accept."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .support import REPOSITORY, render

CHOICES: dict[str, tuple[Any, ...]] = {
    "use_channels": (False, True),
    "use_celery": (False, True),
    "log_queries": (False, True),
    "otel_exporter": ("none", "console", "otlp-http", "otlp-grpc"),
    "field_names": ("classic", "stable"),
}
RESOURCES = {
    "empty": "",
    "one": "tournament",
    "many": "tournament, draft, match, draft_pick, category, user, team",
    "irregular": "person: people, sheep: sheep, z, a",
}
LIBRARIES: tuple[list[str], ...] = ([], ["psycopg", "requests"], ["botocore"])
SCHEMAS = ("plain", "gcp", "datadog", "ecs", "plain")
ALSO_LOG: tuple[list[str], ...] = (
    [],
    ["running"],
    ["commands"],
    ["running", "commands"],
    [],
    [],
)
LINE_LENGTHS = (88,)

# What a file may say only if the answer is among these.
WORDS: list[tuple[str, str, set[object]]] = [
    (
        r"(?<!django\.)channels|websocket|\bws_|(?<!worker\.)(?<!consumer\.)(?<!kind\.)consumer",
        "use_channels",
        {True},
    ),
    (r"celery", "use_celery", {True}),
    (
        r"opentelemetry|\botel|tracing",
        "otel_exporter",
        {"console", "otlp-http", "otlp-grpc"},
    ),
    (r"otlp", "otel_exporter", {"otlp-http", "otlp-grpc"}),
    (r"grpc", "otel_exporter", {"otlp-grpc"}),
    (r"library_not_traced|instrumentation-psycopg", "otel_libraries", {"some"}),
    (r"http\.method|http\.status_code", "field_names", {"classic"}),
    (r"http\.request\.method|url\.path", "field_names", {"stable"}),
    (r"(?<!\bcr)_running\b|RUNNING_AFTER", "running", {True}),
    (r"telemetry\.commands|SILENT_COMMANDS|\bcommand_", "commands", {True}),
]


def combinations() -> Iterator[dict[str, Any]]:
    for values in itertools.product(*CHOICES.values()):
        yield dict(zip(CHOICES, values, strict=True))


def name(answers: dict[str, Any]) -> str:
    chosen = [key[4:] for key, value in answers.items() if value is True]
    chosen += [value for value in answers.values() if isinstance(value, str)]
    return "-".join(chosen)


@pytest.mark.parametrize("exporter", CHOICES["otel_exporter"])
def test_rendered_code_looks_hand_written(tmp_path: Path, exporter: str) -> None:
    """The formatter has nothing to do at any usual line length, nor has the linter.

    One run of ruff judges the renderings of an exporter; resources take turns.
    """
    mine = [each for each in combinations() if each["otel_exporter"] == exporter]
    turns = zip(
        itertools.cycle(RESOURCES),
        itertools.cycle(SCHEMAS),
        itertools.cycle(LIBRARIES),
        itertools.cycle(ALSO_LOG),
        strict=False,
    )
    for answers, (kind, schema, libraries, also) in zip(mine, turns, strict=False):
        more: dict[str, Any] = {
            "resource_labels": RESOURCES[kind],
            "log_schema": schema,
            "otel_libraries": libraries,
            "also_log": also,
        }
        has_libraries = bool(libraries) and exporter != "none"
        shown = {**answers, "otel_libraries": "some" if has_libraries else "none"}
        shown |= {name: name in also for name in ("running", "commands")}
        folder = tmp_path / f"{name(answers)}-{kind}-{schema}"
        package = render(folder, **more, **answers)
        for file in sorted(package.rglob("*")):
            if file.is_file():
                assert_no_leftovers(file, shown)
            if file.suffix == ".py":
                compile(file.read_text(), file, "exec")

    for length in LINE_LENGTHS:
        ruff(tmp_path, "format", "--check", f"--line-length={length}")
    ruff(
        tmp_path,
        "check",
        "--select=I,F,E,W,UP,B",
        f"--line-length={min(LINE_LENGTHS)}",
        "--output-format=concise",
    )


def assert_no_leftovers(file: Path, answers: dict[str, Any]) -> None:
    text = file.read_text()
    said = f"{file.name}\n{text}"
    for words, question, allowed in WORDS:
        # Metrics and log stores have names of their own.
        named = ("spans.py", "schema.py", "test_schema.py")
        if file.name in named and question == "field_names":
            continue
        if answers[question] not in allowed:
            found = re.search(words, said, re.IGNORECASE)
            assert found is None, f"{file} mentions {found and found[0]}"
    # Alerts are templates themselves, of Prometheus.
    text = re.sub(r"{{ \$[^}]*}}", "", text)
    # Braces without a blank are those of a Python string.
    assert not re.search(r"{{ |{[%#]|[#%]}|# %", text), file
    assert not text or (text.endswith("\n") and not text.endswith("\n\n")), file
    assert not re.search(r"[ \t]$", text, re.MULTILINE), file
    assert "\n\n\n\n" not in text, file


def ruff(folder: Path, *arguments: str) -> None:
    """Run ruff with nobody's configuration but ours, on the oldest Python we support."""
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "ruff", *arguments),
            *("--isolated", "--no-cache", "--target-version=py311", "."),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not finished.returncode, f"{arguments}\n{finished.stdout}{finished.stderr}"


def pairwise(choices: dict[str, tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return few combinations among which any two values stand together somewhere."""
    every = [
        dict(zip(choices, values, strict=True))
        for values in itertools.product(*choices.values())
    ]

    def pairs(answers: dict[str, Any]) -> set[Any]:
        shown = ((key, str(value)) for key, value in answers.items())
        return set(itertools.combinations(shown, 2))

    missing = set().union(*map(pairs, every))
    chosen = []
    while missing:
        best = max(every, key=lambda answers: len(pairs(answers) & missing))
        missing -= pairs(best)
        chosen.append(best)
    return chosen


def test_rendered_code_is_strictly_typed(tmp_path: Path) -> None:
    """Each rendering is a package of its own, so that one mypy judges them all."""
    choices = {**CHOICES, "resource_labels": ("", RESOURCES["many"])}
    choices["log_schema"] = SCHEMAS[:4]
    choices["otel_libraries"] = LIBRARIES
    choices["also_log"] = ALSO_LOG[:4]
    for number, answers in enumerate(pairwise(choices)):
        render(tmp_path / f"rendering_{number}", **answers)
        (tmp_path / f"rendering_{number}" / "__init__.py").touch()
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file="),
            "--python-version=3.11",
            *("--cache-dir", REPOSITORY / ".cache" / "mypy", "."),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not finished.returncode, finished.stdout + finished.stderr
