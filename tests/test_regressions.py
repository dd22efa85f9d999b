"""What failed in real projects stays mended, each case on the lines that come out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .support import Project, json_lines

PROJECT_FILES = Path(__file__).parent / "project_files"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("regressions") / "shop",
        extra=["gunicorn"],
        otel_exporter="none",
    )
    urls = (PROJECT_FILES / "regressions_urls.py").read_text()
    project.write("config/urls.py", urls)
    project.write("regressions.py", (PROJECT_FILES / "regressions.py").read_text())
    project.configure(
        ALLOWED_HOSTS=["localhost", "127.0.0.1", "testserver"], DEBUG=False
    )
    return project


def run(project: Project, name: str, **environ: str) -> tuple[list[Any], Any]:
    """Run that function of regressions.py; return its lines and what it shows."""
    finished = project.run("python", "regressions.py", name, check=True, **environ)
    shown = finished.stderr.splitlines()
    return json_lines(finished.stdout), json.loads(shown[-1]) if shown else None


@contextmanager
def settings(project: Project, text: str) -> Iterator[None]:
    """Append to the project's settings for a while."""
    before = project.settings.read_text()
    project.write("config/settings.py", f"{before}\n{text}")
    try:
        yield
    finally:
        project.write("config/settings.py", before)


def test_records_can_be_pickled(project: Project) -> None:
    lines, price = run(project, "pickled")
    assert price == lines[0]["price"] == 3


def test_a_filter_masks_every_line(project: Project) -> None:
    lines, _ = run(project, "masked")
    masked = ("mail to ***", "web-1")
    assert [(line["event"], line["host"]) for line in lines] == [masked, masked]


def test_a_record_factory_is_seen_by_every_line(project: Project) -> None:
    lines, _ = run(project, "record_factory")
    assert [line["region"] for line in lines] == ["eu", "eu"]


def test_other_formatters_see_fields_and_nothing_else(project: Project) -> None:
    _, names = run(project, "other_formatters")
    assert names == [["price"]]


def test_standard_processors_work(project: Project) -> None:
    lines, _ = run(project, "standard_processors")
    assert [line["func_name"] for line in lines] == ["standard_processors"] * 2
    assert not {"level_", "logger_"} & {*lines[0], *lines[1]}


def test_what_a_second_handlers_formatter_sets_stays_out(project: Project) -> None:
    lines, _ = run(project, "second_formatter")
    assert [line["level"] for line in lines] == ["info"] * 3
    assert "mark" not in lines[1]


def test_a_logger_opened_for_a_file_does_not_flood_stdout(project: Project) -> None:
    lines, _ = run(project, "logger_for_a_file")
    assert [line["event"] for line in lines] == ["seen"]


def test_lines_follow_a_replaced_stdout(project: Project) -> None:
    assert run(project, "replaced_stdout") == ([], 1)


def test_the_reason_of_a_403_and_a_400_is_in_the_line(project: Project) -> None:
    lines, _ = run(project, "refused")
    assert [(line["http.status_code"], line["error.message"]) for line in lines] == [
        (403, "belongs to somebody else"),
        (400, "limit must be a number"),
    ]


def test_a_view_that_cancels_itself_has_failed(project: Project) -> None:
    lines, _ = run(project, "cancelled")
    assert [line["event"] for line in lines] == ["request_failed"]


def test_the_user_of_django_ninja_is_seen(project: Project) -> None:
    [line], _ = run(project, "ninja_user")
    assert line["user.id"] == 7


def test_keys_and_texts_that_are_no_secrets_are_shown(project: Project) -> None:
    [line], _ = run(project, "no_secrets")
    assert "[redacted]" not in line.values()
    assert line["event"] == "the token: field is required"


def test_a_failing_health_check_is_seen(project: Project) -> None:
    [line], _ = run(project, "sick", TELEMETRY_EXCLUDED_PATHS="/*")
    assert (line["http.status_code"], line["level"]) == (503, "error")


OWN_LOGGING = """
import logging.config, structlog
LOGGING_CONFIG = None
logging.config.dictConfig({
    "version": 1,
    "formatters": {"mine": {"format": "mine %(message)s"}},
    "handlers": {"mine": {"class": "logging.StreamHandler", "formatter": "mine"}},
    "root": {"handlers": ["mine"], "level": "WARNING"},
})
structlog.configure(processors=[structlog.processors.KeyValueRenderer()])
"""


@pytest.mark.parametrize("switch", ["true", "false"])
def test_logging_that_the_project_does_alone_is_left_alone(
    project: Project, switch: str
) -> None:
    with settings(project, OWN_LOGGING):
        finished = project.run(
            "python", "regressions.py", "own_logging", TELEMETRY_ENABLED=switch
        )
        check = project.manage("check", TELEMETRY_ENABLED=switch).stderr
    assert finished.stderr == "mine yes\n"
    assert finished.stdout == "a=1 event='own'\n"
    warned = ("telemetry.W003" in check, "telemetry.W005" in check)
    assert warned == ((True, True) if switch == "true" else (False, False))


def test_an_access_log_that_was_asked_for_is_written(
    project: Project, tmp_path: Path
) -> None:
    access, error = tmp_path / "access.log", tmp_path / "error.log"
    files = [f"--access-logfile={access}", f"--error-logfile={error}"]
    with project.serve("gunicorn", *files) as server:
        server.get("/ok/")
        server.stop()
    assert '"GET /ok/ ' in access.read_text()
    assert "Booting worker" in error.read_text()


def test_a_missing_static_file_is_seen_under_runserver(project: Project) -> None:
    """It is answered before any middleware, and has Django's line."""
    with (
        settings(project, "DEBUG = True"),
        project.serve("runserver", LOG_FORMAT="json") as server,
    ):
        assert server.get("/static/missing.css?token=planted").status == 404
        assert server.get("/ok/?token=planted").status == 200
        server.wait_for("request_completed")
        server.stop()
    lines = json_lines(server.stdout)
    [missing] = [line for line in lines if "missing.css" in line["event"]]
    assert missing["logger"] == "django.server"
    assert missing["level"] == "warning"
    assert [line["event"] for line in lines if "/ok/" in str(line)] == [
        "request_completed"
    ]
    assert "planted" not in server.stdout


@pytest.mark.parametrize(
    ("level", "expected"), [("WARN", "WARNING"), ("FATAL", "CRITICAL")]
)
def test_short_names_of_levels_stop_nothing(
    project: Project, level: str, expected: str
) -> None:
    project.manage("check", "--fail-level=WARNING", LOG_LEVEL=level)
    assert run(project, "level", LOG_LEVEL=level) == ([], expected)


def test_commands_run_without_requirements_txt(project: Project) -> None:
    file = project.folder / "telemetry" / "requirements.txt"
    text = file.read_text()
    file.unlink()
    try:
        assert "no issues" in project.manage("check").stdout
    finally:
        file.write_text(text)


def test_handlers_are_there_once_when_django_is_set_up_again(
    project: Project, tmp_path: Path
) -> None:
    """runserver calls `django.setup()` twice; a tool's handler stays."""
    text = f"""
from telemetry.logging import logging_config
LOGGING = logging_config()
LOGGING["handlers"]["file"] = {{
    "class": "logging.FileHandler",
    "filename": {str(tmp_path / "lines.log")!r},
    "formatter": "json",
}}
LOGGING["root"]["handlers"].append("file")
"""
    with settings(project, text):
        lines, shown = run(project, "set_up_again")
    assert shown == "once"
    for each in (lines, json_lines((tmp_path / "lines.log").read_text())):
        assert [line["event"] for line in each] == ["once"]


def test_loggers_have_the_documented_names_inside_a_package(tmp_path: Path) -> None:
    """A handler of `acme` gets the lines of `acme`, not ours."""
    project = Project.start(tmp_path / "shop", otel_exporter="none")
    project.write("acme/__init__.py", "")
    (project.folder / "telemetry").rename(project.folder / "acme" / "telemetry")
    project.edit("config/settings.py", '"telemetry"', '"acme.telemetry"')
    project.edit("config/settings.py", '"telemetry.', '"acme.telemetry.')
    script = """
import logging, sys, django
django.setup()
from django.test import Client
logging.getLogger("acme").addHandler(logging.StreamHandler(sys.stderr))
logging.getLogger("acme.orders").warning("theirs")
Client(headers={"host": "localhost"}).get("/nowhere/")
"""
    finished = project.run("python", "-c", script, LOG_FORMAT="json")
    assert finished.stderr == "theirs\n"
    [_, line] = json_lines(finished.stdout)
    assert line["logger"] == "telemetry.middleware"
