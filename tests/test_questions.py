"""Answers: what is understood, what is refused, and how that reads."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml

from .support import DOWN, Terminal, render, template

TOURNAMENT = [["tournament", "tournaments"]]
PERSON = [["person", "people"]]


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The questions with a template of one file, so that nothing else decides."""
    folder = tmp_path_factory.mktemp("probe") / "template"
    shutil.copytree(template(), folder, ignore=shutil.ignore_patterns("telemetry"))
    answers = "[{{ _copier_answers | to_json }}, {{ resource_pairs | to_json }}]"
    (folder / "template" / "probe.jinja").write_text(answers)
    return folder


def answered(probe: Path, folder: Path, **given: object) -> tuple[dict[str, Any], Any]:
    """Return the answers, and what the template derives from resource_labels."""
    copier.run_copy(str(probe), folder, data=given, defaults=True, quiet=True)
    answers, pairs = json.loads((folder / "probe").read_text())
    return answers, pairs


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("", []),
        (None, []),
        ([], []),
        ({}, []),
        (" , ,", []),
        ("tournament", TOURNAMENT),
        (["tournament"], TOURNAMENT),
        ("[tournament]", TOURNAMENT),
        ('["tournament", {person: people}]', TOURNAMENT + PERSON),
        ("- tournament\n- person: people", TOURNAMENT + PERSON),
        ("tournament, person:people", TOURNAMENT + PERSON),
        ("tournament, person: people", TOURNAMENT + PERSON),
        ("person: people, tournament", PERSON + TOURNAMENT),
        ("person: people", PERSON),
        ("person: people, tournament: tournaments", PERSON + TOURNAMENT),
        ("no, on", [["no", "nos"], ["on", "ons"]]),
        ("{person: people, tournament: }", PERSON + TOURNAMENT),
        ({"person": "people", "tournament": None}, PERSON + TOURNAMENT),
        (["tournament", {"person": "people"}], TOURNAMENT + PERSON),
        (["tournament", "person: people"], TOURNAMENT + PERSON),
        ("match", [["match", "matches"]]),
        ("class", [["class", "classes"]]),
        ("box", [["box", "boxes"]]),
        ("category", [["category", "categories"]]),
        ("day", [["day", "days"]]),
        ("draft_pick", [["draft_pick", "draft_picks"]]),
        ("Team", [["Team", "Teams"]]),
        ("größe", [["größe", "größes"]]),
        ("sheep: sheep", [["sheep", "sheep"]]),
        (
            "user, id, labels",
            [["user", "users"], ["id", "ids"], ["labels", "labelses"]],
        ),
    ],
    ids=repr,
)
def test_resource_names_are_read_as_people_write_them(
    probe: Path, tmp_path: Path, answer: object, expected: list[list[str]]
) -> None:
    _, pairs = answered(probe, tmp_path / "out", resource_labels=answer)
    assert pairs == expected


LONG = "e" * 200

REFUSED = [
    ("resource_labels", "2x", '"2x" is not an identifier'),
    ("resource_labels", "draft-pick", '"draft-pick" is not an identifier'),
    ("resource_labels", "a, my team, b", '"my team" is not an identifier'),
    ("resource_labels", "person: two people", '"two people" is not an identifier'),
    ("resource_labels", ": people", '"" is not an identifier'),
    ("resource_labels", "a: b: c", '"b: c" is not an identifier'),
    ("resource_labels", "api/teams", '"api/teams" is not an identifier'),
    ("resource_labels", "a\tb", '"a\\tb" is not an identifier'),
    ("resource_labels", "42", '"42" is not an identifier'),
    ("resource_labels", 42, "42 is not an identifier"),
    ("resource_labels", True, "true is not an identifier"),
    ("resource_labels", ["a", 1.5], "1.5 is not an identifier"),
    ("resource_labels", [["person", "people"]], "is not an identifier"),
    ("resource_labels", {"person": ["people", "folk"]}, "is not an identifier"),
    ("resource_labels", {1: "ones"}, "1 is not an identifier"),
    ("resource_labels", f"{LONG} {LONG}", "… is not an identifier"),
    ("resource_labels", "team, team", "team is listed twice"),
    ("resource_labels", "team, draft, team: teamz", "team is listed twice"),
    ("resource_labels", "user, users", "users claimed twice: user, users"),
    ("resource_labels", "users, user", "users claimed twice: users, user"),
    ("resource_labels", "a: people, b: people", "people claimed twice: a, b"),
    ("resource_labels", "a: b, b: c", "b claimed twice: a, b"),
    ("resource_labels", f"{LONG}, {LONG}s", "eeeeeeeee…, eeeeeeeee…"),
    ("service_name", "", '"": use A-Z a-z 0-9 . _ -'),
    ("service_name", "my shop", '"my shop": use A-Z a-z 0-9 . _ -'),
    ("service_name", "-shop", '"-shop": use A-Z a-z 0-9 . _ -'),
    ("service_name", 'shop"', '"shop\\"": use A-Z a-z 0-9 . _ -'),
    ("service_name", "shop\n", '"shop\\n": use A-Z a-z 0-9 . _ -'),
    ("service_name", "größe", "use A-Z a-z 0-9 . _ -"),
    ("service_name", LONG, "… is longer than 63 characters"),
    ("resource_pairs", '[["a", "b"]]', "is derived; answer resource_labels"),
]


@pytest.mark.parametrize(("question", "answer", "message"), REFUSED, ids=repr)
def test_a_bad_answer_is_refused_in_one_short_message_and_nothing_is_written(
    tmp_path: Path, question: str, answer: object, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as refusal:
        render(tmp_path / "shop", **{question: answer})
    _, _, said = str(refusal.value).partition(f"question '{question}': ")
    assert said.endswith(message)
    assert len(said) < 60
    assert "\n" not in said
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize("question", ["otel_exporter", "field_names"])
def test_a_choice_that_is_none_names_those_that_are(
    tmp_path: Path, question: str
) -> None:
    with pytest.raises(ValueError, match=f"Invalid choice for '{question}': 'x' is"):
        render(tmp_path / "shop", **{question: "x"})
    assert not (tmp_path / "shop").exists()


ANSWERS = {
    "otel_libraries": ["redis", "requests"],
    "resource_labels": ["tournament", {"person": "people"}],
    "use_channels": True,
    "use_celery": False,
    "log_queries": True,
    "also_log": ["running"],
    "otel_exporter": "console",
    "log_schema": "ecs",
    "service_name": "shop",
    "field_names": "stable",
}


def remembered(folder: Path, name: str = ".copier-answers.yml") -> dict[str, Any]:
    """Return the answers that were written, without Copier's own keys."""
    answers = yaml.safe_load((folder / name).read_text())
    return {key: value for key, value in answers.items() if not key.startswith("_")}


def copier_copy(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "copier", "copy", *arguments, str(template()), folder],
        capture_output=True,
        text=True,
        check=False,
    )


def test_defaults_ask_for_nothing(tmp_path: Path) -> None:
    finished = copier_copy(tmp_path / "My Shop 2", "--defaults")
    assert finished.returncode == 0, finished.stderr
    assert remembered(tmp_path / "My Shop 2") == {
        "resource_labels": "",
        "use_channels": False,
        "use_celery": False,
        "log_queries": False,
        "also_log": [],
        "otel_exporter": "otlp-http",
        "otel_libraries": [],
        "log_schema": "plain",
        "service_name": "my-shop-2",
        "field_names": "classic",
    }


def test_answers_come_from_the_command_line(tmp_path: Path) -> None:
    given = ANSWERS | {"resource_labels": "tournament, person:people"}
    pairs = [f"--data={key}={value}" for key, value in given.items()]
    finished = copier_copy(tmp_path / "shop", *pairs)
    assert finished.returncode == 0, finished.stderr
    assert remembered(tmp_path / "shop") == given


def test_answers_come_from_a_data_file(tmp_path: Path) -> None:
    (tmp_path / "answers.yml").write_text(yaml.safe_dump(ANSWERS))
    finished = copier_copy(
        tmp_path / "shop", "--data-file", str(tmp_path / "answers.yml")
    )
    assert finished.returncode == 0, finished.stderr
    assert remembered(tmp_path / "shop") == ANSWERS


def test_answers_come_from_the_api(tmp_path: Path) -> None:
    render(tmp_path, **ANSWERS)
    assert remembered(tmp_path) == ANSWERS


def test_a_bad_answer_on_the_command_line_ends_with_what_is_wrong(
    tmp_path: Path,
) -> None:
    finished = copier_copy(tmp_path / "shop", "--defaults", "-d", "resource_labels=2x")
    assert finished.returncode != 0
    assert finished.stderr.endswith(
        "question 'resource_labels': \"2x\" is not an identifier\n"
    )
    assert not (tmp_path / "shop").exists()


def test_answers_come_from_a_terminal(tmp_path: Path) -> None:
    """A bad answer is refused under the prompt, and can be mended there."""
    terminal = Terminal("copy", str(template()), str(tmp_path / "shop"))
    terminal.answer("Resources whose ids", "2x", refused='"2x" is not an identifier')
    terminal.answer(None, "person: people, draft")
    terminal.answer("Channels", "y", enter=False)
    terminal.answer("Celery", "n", enter=False)
    terminal.answer("queries", "y", enter=False)
    terminal.answer("what else", f"{DOWN} ")
    terminal.answer("exporter", DOWN)
    terminal.answer("libraries", " ")
    terminal.answer("service", " 2", refused='"shop 2": use A-Z a-z 0-9 . _ -')
    terminal.answer(None, "shop")
    terminal.answer("log store", DOWN)
    terminal.answer("HTTP fields", DOWN)
    screen = terminal.wait()
    assert "Two edits in your settings" in screen
    assert remembered(tmp_path / "shop") == {
        "resource_labels": "person: people, draft",
        "use_channels": True,
        "use_celery": False,
        "log_queries": True,
        "also_log": ["commands"],
        "otel_exporter": "otlp-grpc",
        "otel_libraries": ["psycopg"],
        "log_schema": "gcp",
        "service_name": "shop",
        "field_names": "stable",
    }


def test_enter_takes_every_proposal(tmp_path: Path) -> None:
    terminal = Terminal("copy", str(template()), str(tmp_path / "shop"))
    for question in (
        "ids",
        "Channels",
        "Celery",
        "queries",
        "what else",
        "exporter",
        "libraries",
        "service",
        "log store",
        "HTTP fields",
    ):
        terminal.answer(question)
    terminal.wait()
    render(tmp_path / "other" / "shop")
    assert remembered(tmp_path / "shop") == remembered(tmp_path / "other" / "shop")


@pytest.mark.parametrize(
    ("file", "channels", "celery"),
    [
        ("chat/consumers.py", True, False),
        ("apps/chat/routing.py", True, False),
        ("config/celery.py", False, True),
        ("shop/orders/tasks.py", False, False),
        (".venv/lib/python3.13/site-packages/channels/__init__.py", False, False),
        ("venv/Lib/site-packages/celery/__init__.py", False, False),
        ("../.venv/lib/python3.13/site-packages/celery/__init__.py", False, False),
        ("node_modules/a/b/celery.py", False, False),
        ("docs/channels.md", False, False),
    ],
)
@pytest.mark.parametrize("folder", ["shop", "a [strange] *folder?"])
def test_channels_and_celery_are_proposed_where_the_project_shows_them(
    probe: Path,
    tmp_path: Path,
    folder: str,
    file: str,
    channels: bool,
    celery: bool,
) -> None:
    present = tmp_path / folder / file
    present.parent.mkdir(parents=True)
    present.touch()
    answers, _ = answered(probe, tmp_path / folder)
    assert (answers["use_channels"], answers["use_celery"]) == (channels, celery)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("shop", "shop"),
        ("My Shop", "my-shop"),
        ("shop_2.0", "shop-2-0"),
        ("--x--", "x"),
        ("商店", "django"),
        ("x" * 62 + "--y", "x" * 62),
    ],
)
def test_the_service_is_named_after_the_folder(
    probe: Path, tmp_path: Path, folder: str, name: str
) -> None:
    answers, _ = answered(probe, tmp_path / folder)
    assert answers["service_name"] == name


def test_keys_that_are_no_question_are_named_after_the_copy(tmp_path: Path) -> None:
    finished = copier_copy(
        tmp_path / "shop", "-l", "-d", "use_chanels=yes", "-d", "colour=blue"
    )
    last = finished.stderr.rstrip().splitlines()[-1]
    assert last == "Ignored, as no question has that name: use_chanels, colour"


def test_nothing_needs_to_be_trusted() -> None:
    """Copier refuses a plain copy of a template that has any of these."""
    keys = yaml.safe_load((template() / "copier.yml").read_text()).keys()
    assert not keys & {"_tasks", "_migrations", "_jinja_extensions"}
