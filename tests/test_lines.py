"""Whatever an application logs comes out as it was meant, once and in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .support import Project, json_lines

FILES = Path(__file__).parent / "project_files"


class Logged:
    def __init__(self, stdout: str, stderr: str) -> None:
        self.lines = json_lines(stdout)
        self.shown: dict[str, Any] = {}
        for row in json_lines(stderr):
            self.shown |= row
        self.complaints = [x for x in stderr.splitlines() if not x.startswith("{")]

    def named(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]

    def ending(self, path: str) -> dict[str, Any]:
        """Return the line that ends the first request for `path`."""
        return next(line for line in self.lines if line.get("http.route") == path)


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Logged:
    project = Project.start(
        tmp_path_factory.mktemp("logged") / "shop",
        extra=["freezegun"],
        otel_exporter="none",
    )
    project.write("logged.py", (FILES / "logged.py").read_text())
    project.configure(ALLOWED_HOSTS=["testserver"], DEBUG=False, ROOT_URLCONF="logged")
    finished = project.run("python", "logged.py")
    return Logged(finished.stdout, finished.stderr)


def test_nothing_complained(logged: Logged) -> None:
    assert logged.complaints == []


def test_keys_of_a_payload_may_be_anything(logged: Logged) -> None:
    """The head and the ids of the context stay; every value is there."""
    [line] = logged.named("hooked")
    assert (line["level"], line["logger"]) == ("info", "shop")
    assert line["request.id"] == "r-1"
    for name in ("event", "level", "logger", "timestamp", "request.id"):
        assert line[f"{name}_"] == f"their {name}"
    for name in ("self", "name", "message", "args", "msg", "extra", "exc_info"):
        assert line[name] == f"their {name}"
    for name in ("stack_info", "stacklevel", "levelname", "lineno", "user.id"):
        assert line[name] == f"their {name}"
    assert logged.ending("/payload/")["http.status_code"] == 200


def test_names_of_the_head_in_extra_and_in_the_context(logged: Logged) -> None:
    [extra], [context] = logged.named("extra"), logged.named("context")
    assert (extra["event_"], extra["level_"]) == ("theirs", "high")
    assert (context["event_"], context["timestamp_"]) == ("bound", "noon")


def test_a_name_beside_its_escaped_form(logged: Logged) -> None:
    [line] = logged.named("both")
    assert (line["name"], line["name_"]) == ("a", "b")


def test_own_fields_win_over_the_context_but_for_its_ids(logged: Logged) -> None:
    [line] = logged.named("own")
    assert line["tenant"] == "own"
    assert (line["request.id"], line["request.id_"]) == ("r-2", "forged")


def test_options_that_are_plain_data_are_fields(logged: Logged) -> None:
    [line] = logged.named("options")
    assert line["exc_info"] == "declined"
    assert line["stack_info"] == {"a": 1}
    assert line["stacklevel"] == "deep"


def test_frozen_time(logged: Logged) -> None:
    """freezegun puts classes of its own in the place of datetime's."""
    ours, plain = logged.named("frozen")
    for line in (ours, plain):
        assert line["timestamp"] == "2024-02-29T12:00:00.000000Z"
        assert line["at"].startswith("2024-02-29T12:00:00")
        assert line["on"] == "2024-02-29"
    assert ours["nested"][0].startswith("2024-02-29T12:00:00")


def test_async_methods_have_the_callers_place(logged: Logged) -> None:
    lines = logged.named("paid async")
    assert [line["level"] for line in lines] == ["info", "warning", "info", "error"]
    assert {line["called_in"] for line in lines} == {"logged.py:call_sites"}
    assert lines[-1]["error.message"] == "declined"
    [payload] = logged.named("payload async")
    assert (payload["self"], payload["event_"], payload["level_"]) == (1, 2, 3)


def test_structlogs_own_set_up_for_logging(logged: Logged) -> None:
    first, second = logged.named("wrapped")
    assert first["price"] == 3
    assert (first["level"], first["logger"]) == ("warning", "theirs")
    assert second["error.message"] == "declined"
    assert not {"_logger", "_name", "_record", "logger_", "level_"} & first.keys()


def test_counters_and_timers(logged: Logged) -> None:
    line = logged.ending("/sync/")
    assert line["whole_ms"] >= line["part_ms"] > 0
    assert line["cache"] == 3
    assert logged.ending("/async/")["whole_ms"] >= 20
    assert logged.ending("/generating/")["rows_ms"] > 0


def test_threads_lose_no_count(logged: Logged) -> None:
    assert logged.ending("/counting/")["items"] == 40_000


def test_small_amounts_add_up_and_odd_ones_raise_nowhere(logged: Logged) -> None:
    line = logged.ending("/summing/")
    assert line["cost"] == pytest.approx(0.0002)
    assert line["http.status_code"] == 200


def test_a_scope_of_the_project(logged: Logged) -> None:
    [line] = logged.named("scoped")
    assert (line["job"], line["rows"]) == ("nightly", 2)
    assert "outside" not in str(logged.lines)


def test_a_projects_own_request_id_stays(logged: Logged) -> None:
    """NetBox puts the id of its change log there."""
    assert logged.shown == {"own": "change-7", "other": "r-4"}
