"""What breaks around logging: requests are answered, and the next one is logged."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from .hostile.figures import count
from .hostile.package import MAX_LINE
from .hostile.site import PROJECT_FILES, start_site
from .support import Project

Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = start_site(tmp_path_factory.mktemp("faults") / "shop")
    project.write("faults.py", (PROJECT_FILES / "hostile_faults.py").read_text())
    return project


def suffer_on(
    project: Project, fault: str, *, encoding: str = "utf-8"
) -> tuple[dict[str, Any], Lines]:
    """Return the report, the last line of stderr, and the log lines."""
    finished = project.run(
        "python", "faults.py", fault, PYTHONIOENCODING=encoding, LC_ALL="C"
    )
    # Before it `logging` reports what it could not write.
    report = json.loads(finished.stderr.splitlines()[-1])
    assert report["faults"] > 0
    assert report["answered"] > 0
    count("faults", report["faults"])
    count("requests answered during faults", report["answered"])
    texts = finished.stdout.splitlines()
    assert all(len(text.encode()) < MAX_LINE for text in texts)
    return report, [json.loads(text) for text in texts]


def completed(lines: Lines, request_id: str) -> int:
    return sum(
        line["event"].startswith("request_") and line.get("request.id") == request_id
        for line in lines
    )


@pytest.mark.parametrize(
    "fault",
    [
        "descriptor_closed",
        "stream_detached",
        "disk_full",
        "reader_gone",
        "filter_raises",
        "stack",
        "stderr_closed",
    ],
)
def test_requests_are_answered_and_the_next_is_logged(
    project: Project, fault: str
) -> None:
    _, lines = suffer_on(project, fault)
    assert completed(lines, "after") == 1


@pytest.mark.parametrize("fault", ["stream_closed", "stream_missing"])
def test_requests_are_answered_without_a_stream(project: Project, fault: str) -> None:
    assert suffer_on(project, fault)[1] == []


def test_lines_that_were_cut_off_leave_the_next_one_whole(project: Project) -> None:
    """A file that must not grow takes the beginning of a line only."""
    report, lines = suffer_on(project, "file_full")
    assert report["faults"] > 50
    assert report["lost"] == 0
    assert completed(lines, "after") == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_no_encoding_costs_a_line(project: Project, encoding: str) -> None:
    _, lines = suffer_on(project, "encoding", encoding=encoding)
    assert completed(lines, "after") == 1
    assert [line["text"] for line in lines if "text" in line] == [
        "\u00e9\u4e2d",
        "\U0001f600",
        "\\ud800",
    ]


def test_a_handler_that_raises_stops_nobody(project: Project) -> None:
    """Behind ours; one before ours takes its line, and raises into nobody."""
    _, lines = suffer_on(project, "handler_raises")
    assert Counter(line["event"] for line in lines)["first"] == 2
    assert completed(lines, "handled") == 2
    assert completed(lines, "after") == 1


def test_a_processor_that_raises_costs_the_fields_only(project: Project) -> None:
    """They may be what the processor should have hidden."""
    _, lines = suffer_on(project, "processor_raises")
    [line] = [line for line in lines if line["event"] == "processed"]
    assert "RuntimeError" in line["telemetry.error"]
    assert "planted" not in str(line)
    assert completed(lines, "after") == 1


def test_a_repr_that_logs_itself_comes_to_an_end(project: Project) -> None:
    _, lines = suffer_on(project, "repr_logs")
    assert Counter(line["event"].split()[0] for line in lines)["outside"] == 4
    assert len(lines) < 200
    assert completed(lines, "after") == 1


def test_at_every_moment_of_a_request_something_else_may_log(project: Project) -> None:
    """Signals, finalizers and gevent come between any two steps."""
    report, lines = suffer_on(project, "every_moment")
    events = Counter(line["event"] for line in lines)
    assert events["moment"] == events["moment plainly"] == report["moments"] > 10_000
    # One of each kind, one async, and the one after.
    assert events["request_completed"] == 5
    assert events["request_failed"] == 2
    assert events["traced"] == events["traced 1"] == 1
    assert completed(lines, "after") == 1


def test_last_words_are_heard(project: Project) -> None:
    """Of a thread, of `atexit`, and of objects that go with their module."""
    _, lines = suffer_on(project, "shutdown")
    events = Counter(line["event"] for line in lines)
    assert events["at exit"] == events["at exit plainly"] == 1
    assert events["last"] == events["last plainly"] == 1
    assert completed(lines, "after") == 1


def test_a_request_that_ran_out_of_memory_is_logged(project: Project) -> None:
    _, lines = suffer_on(project, "memory")
    failed = [line for line in lines if line["event"] == "request_failed"]
    assert sum(line["error.type"] == "MemoryError" for line in failed) == 3
    assert completed(lines, "after") == 1
