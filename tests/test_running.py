"""What runs for a long time leaves one warning, with the line of code where it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .support import Process, Project, Server, json_lines

FILES = Path(__file__).parent / "project_files"

SERVERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "gunicorn": ("gunicorn", ()),
    "gunicorn-threads": ("gunicorn", ("--threads", "4")),
    "gunicorn-preload": ("gunicorn", ("--preload",)),
    "runserver": ("runserver", ()),
    "uvicorn": ("uvicorn", ()),
    "daphne": ("daphne", ("-v", "0")),
}
# Each view, and the function in which it is when it has been running for long.
SYNC = {"/tournaments/5/": "wait"}
ASYNC = {**SYNC, "/awaits/": "await_gate", "/blocks/": "wait"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("running") / "shop",
        extra=["gunicorn", "uvicorn", "daphne"],
        also_log=["running"],
        otel_exporter="none",
        resource_labels="tournament",
    )
    project.write("config/urls.py", (FILES / "running_urls.py").read_text())
    project.configure(ALLOWED_HOSTS=["127.0.0.1", "testserver"], DEBUG=False)
    project.environ |= {"LOG_FORMAT": "json", "TELEMETRY_RUNNING_AFTER": "0.2"}
    return project


@contextmanager
def asking(project: Project, server: Server, path: str) -> Iterator[None]:
    """Send a request whose view returns when the block ends."""
    gate = project.folder / "gate"
    gate.unlink(missing_ok=True)
    headers = {"X-Request-ID": f"at-{path}"}
    client = threading.Thread(target=server.get, args=(path, headers))
    client.start()
    try:
        yield
    finally:
        gate.touch()
        client.join()


@pytest.mark.parametrize("kind", SERVERS)
def test_long_request_leaves_one_warning(project: Project, kind: str) -> None:
    name, arguments = SERVERS[kind]
    views = ASYNC if name in ("uvicorn", "daphne") else SYNC
    with project.serve(name, *arguments) as server:
        for number, path in enumerate(views, 1):
            with asking(project, server, path):
                lines = server.wait_for("request_running", count=number)
            server.wait_for("request_completed", count=number)
    assert len(server.events("request_running")) == len(views)
    for line, (path, function) in zip(lines, views.items(), strict=True):
        assert line["level"] == "warning"
        assert (line["http.method"], line["http.route"]) == ("GET", path)
        assert "http.status_code" not in line
        assert line["request.id"] == f"at-{path}"
        assert line["duration_ms"] >= 200
        assert line["running.at"].startswith("config/urls.py:")
        assert line["running.at"].endswith(f" in {function}")
        number = line["running.at"].partition(":")[2].partition(" ")[0]
        assert f'config/urls.py", line {number}, in {function}\n' in line["stack"]
        assert "telemetry.error" not in line
    assert lines[0]["tournament.id"] == 5


def test_child_process_watches_what_runs_in_itself(project: Project) -> None:
    with project.serve("gunicorn") as server:
        with asking(project, server, "/forks/"):
            lines = server.wait_for("request_running", count=2)
        server.wait_for("request_completed", count=2)
    assert len(server.events("request_running")) == 2
    by_id = {line["request.id"]: line for line in lines}
    assert by_id["at-/forks/"]["running.at"].endswith(" in forks")
    assert by_id["child"]["running.at"].endswith(" in wait")


def test_streamed_body_may_take_long(project: Project) -> None:
    """It is sent after the view has returned, for as long as a client reads it."""
    with project.serve("gunicorn", "--threads", "4") as server:
        with asking(project, server, "/streams/"):
            server.wait_for("body_begun")
            with asking(project, server, "/works/"):
                # It began later, so the body has been sent for long as well.
                server.wait_for("request_running")
        server.wait_for("request_completed", count=2)
    [line] = server.events("request_running")
    assert line["http.route"] == "/works/"


@pytest.mark.parametrize(
    "variable",
    [
        {"TELEMETRY_RUNNING_AFTER": "0"},
        {"TELEMETRY_EXCLUDED_PATHS": "/quick/"},
        {"TELEMETRY_ENABLED": "false"},
    ],
)
def test_nothing_is_watched(project: Project, variable: dict[str, str]) -> None:
    code = """
import threading, django
django.setup()
from django.test import Client
Client().get("/quick/")
print("threads", [thread.name for thread in threading.enumerate()])
"""
    finished = project.run("python", "-c", code, check=True, **variable)
    assert "threads ['MainThread']" in finished.stdout


def test_watcher_is_one_thread_that_keeps_no_process_alive(project: Project) -> None:
    code = """
import threading, django
django.setup()
from django.test import Client
for _ in range(3):
    Client().get("/quick/")
print("threads", [thread.name for thread in threading.enumerate()])
"""
    finished = project.run("python", "-c", code)
    assert "threads ['MainThread', 'telemetry-running']" in finished.stdout


def test_task_and_socket_handler_leave_a_warning(tmp_path: Path) -> None:
    project = Project.start(
        tmp_path / "shop",
        also_log=["running"],
        otel_exporter="none",
        use_celery=True,
        use_channels=True,
    )
    project.environ |= {"LOG_FORMAT": "json", "TELEMETRY_RUNNING_AFTER": "0.2"}
    project.write("config/urls.py", (FILES / "running_urls.py").read_text())
    project.write("long.py", (FILES / "running_long.py").read_text())
    with project.spawn("python", "long.py") as process:
        process.wait_until(lambda: len(running(process)) >= 3)
        (project.folder / "gate").touch()
        assert process.wait() == 0
    task, handler, sync_handler = sorted(
        running(process), key=lambda x: x["event"] + x.get("ws.path", "")
    )
    assert (task["event"], task["task.name"]) == ("task_running", "shop.work")
    assert task["running.at"].endswith(" in wait")
    assert task["task.retries"] == 0
    assert handler["event"] == sync_handler["event"] == "ws_running"
    assert handler["running.at"].endswith(" in await_gate")
    assert sync_handler["running.at"].endswith(" in wait")
    assert handler["ws.conn_id"] != sync_handler["ws.conn_id"]
    assert (handler["ws.path"], sync_handler["ws.path"]) == ("/async/", "/sync/")


def running(process: Process) -> list[dict[str, Any]]:
    lines = json_lines(process.stdout)
    return [line for line in lines if line["event"].endswith("_running")]
