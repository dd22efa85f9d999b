"""Handlers of the project get what plain Django gives them; only our output is ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .support import Project, json_lines

FILES = Path(__file__).parent / "project_files"

# The same for both: what a project adds to Django's logging.
HANDLERS = """
ADMINS = ["ann@example.com"]
ROWS = {
    name: {"class": "rows.Rows"} for name in ("slack", "alerts", "everything")
}
"""
PLAIN = """
from config.settings import *
INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "telemetry"]
MIDDLEWARE = [path for path in MIDDLEWARE if "telemetry" not in path]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": ROWS,
    "loggers": {
        "django.request": {"handlers": ["slack"]},
        "django": {"handlers": ["mail_admins", "alerts"]},
    },
    "root": {"handlers": ["everything"]},
}
LOGGING["handlers"]["mail_admins"] = {
    "class": "django.utils.log.AdminEmailHandler", "level": "ERROR"
}
"""
OURS = """
from config.settings import *
from telemetry.logging import logging_config
LOGGING = logging_config()
LOGGING["handlers"] |= ROWS
LOGGING["loggers"]["django.request"]["handlers"].append("slack")
LOGGING["loggers"]["django"]["handlers"].append("alerts")
LOGGING["root"]["handlers"].append("everything")
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("handlers") / "shop", otel_exporter="none"
    )
    for name in ("other_handlers.py", "rows.py"):
        project.write(name, (FILES / name).read_text())
    project.configure(
        ALLOWED_HOSTS=["testserver"], DEBUG=False, ROOT_URLCONF="other_handlers"
    )
    project.write("config/settings.py", project.settings.read_text() + HANDLERS)
    project.write("config/plain.py", PLAIN)
    project.write("config/ours.py", OURS)
    return project


class Seen:
    """Lines of ours, rows of the project's handlers, and mails."""

    def __init__(self, project: Project, settings: str, name: str) -> None:
        finished = project.run(
            "python",
            "other_handlers.py",
            name,
            DJANGO_SETTINGS_MODULE=f"config.{settings}",
        )
        self.lines = json_lines(finished.stdout)
        self.shown = json_lines(finished.stderr)
        self.mails = [row for row in self.shown if "subject" in row]

    def rows(self, handler: str) -> list[dict[str, Any]]:
        """Return what a handler got, without what telemetry itself logs."""
        rows = [row for row in self.shown if row.get("handler") == handler]
        return [row for row in rows if not row["logger"].startswith("telemetry")]


@pytest.fixture(scope="module")
def plain(project: Project) -> Seen:
    return Seen(project, "plain", "mails_and_rows")


@pytest.fixture(scope="module")
def ours(project: Project) -> Seen:
    return Seen(project, "ours", "mails_and_rows")


def test_mails_to_admins_have_their_request(plain: Seen, ours: Seen) -> None:
    assert [m["subject"] for m in ours.mails] == [m["subject"] for m in plain.mails]
    assert len(ours.mails) == 5
    body = ours.mails[0]["body"]
    for text in (
        "Request URL: http://testserver/broken/?page=2",
        "USER: ann",
        "order = '5'",
        "ValueError at /broken/",
    ):
        assert text in plain.mails[0]["body"]
        assert text in body


@pytest.mark.parametrize("handler", ["slack", "alerts", "everything"])
def test_handlers_of_djangos_loggers_get_what_they_got(
    plain: Seen, ours: Seen, handler: str
) -> None:
    """With the request and nothing of telemetry's on the record."""
    assert ours.rows(handler) == plain.rows(handler)
    assert {row["path"] for row in ours.rows(handler)} >= {"/broken/", "/broken-async/"}


def test_each_of_these_requests_has_one_line(ours: Seen) -> None:
    by_request: dict[str, list[str]] = {}
    for line in ours.lines:
        by_request.setdefault(line["request.id"], []).append(line["event"])
    assert list(by_request.values()) == [
        *[["request_failed"]] * 2,
        *[["request_completed"]] * 6,
    ]


def test_a_handler_for_django_request_may_be_added_in_any_way(
    project: Project,
) -> None:
    seen = Seen(project, "settings", "variants")
    order = [row.get("variant") or row.get("handler") for row in seen.shown[:-1]]
    assert order == [
        *("replace", "slack", "update", "slack", "append", "slack", "named", "slack")
    ]
    assert seen.shown[-1]["asserted"].startswith("ERROR:django.request:Internal Server")
    # On stdout each of the five has one line.
    assert [line["event"] for line in seen.lines] == ["request_failed"] * 5


def test_a_refused_line_leaves_djangos_records(project: Project) -> None:
    """Whether its level, a filter or the end of its way to stdout refuses it."""
    seen = Seen(project, "settings", "refused_lines")
    events = [line["event"] for line in seen.lines]
    assert events == 3 * [
        "Internal Server Error: /broken/",
        "Not Found: /nowhere/",
        "too many dots",
    ]
    assert all("ValueError" in line["exception"] for line in seen.lines[::3])


def test_a_queue_keeps_the_context(project: Project) -> None:
    """And the exception as fields; other handlers see the record as it was."""
    seen = Seen(project, "settings", "queue")
    events = [line["event"] for line in seen.lines]
    assert events == [
        *["request_failed"] * 2,
        *["request_completed"] * 6,
        *["paid", "paid 5"],
    ]
    assert len({line["request.id"] for line in seen.lines[:-2]}) == 8
    assert seen.lines[0]["user.id"] == 1
    assert seen.lines[0]["error.type"] == "ValueError"
    assert "in broken\n" in seen.lines[0]["exception"]
    csrf = seen.lines[6]
    assert (csrf["http.status_code"], csrf["error.type"]) == (403, "csrf")
    for line, price in zip(seen.lines[-2:], (3, 5), strict=True):
        assert (line["price"], line["name"], line["tenant"]) == (price, "ann", "acme")
    assert seen.lines[-1]["error.message"] == "declined"
    rows = [row for row in seen.rows("rows") if row["logger"] == "shop"]
    assert [row["extra"] for row in rows] == [["price"], ["price"]]
    assert rows[1]["error"] == "ValueError"
