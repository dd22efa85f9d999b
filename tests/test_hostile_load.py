"""Many requests at once, several processes, one pipe: each line whole, and its own."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

import pytest

from .hostile.clients import Clients
from .hostile.figures import count
from .hostile.package import SOAK_SECONDS
from .hostile.site import PROJECT_FILES, start_site
from .support import Project

SERVERS = {
    "gunicorn": ("--workers=3", "--threads=4", "--worker-class=gthread"),
    "uvicorn": ("--workers=2",),
}
REQUESTS = 10_000 if SOAK_SECONDS else 600
TASKS = 5_000 if SOAK_SECONDS else 200


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return start_site(tmp_path_factory.mktemp("load") / "shop")


@pytest.mark.parametrize("kind", SERVERS)
def test_each_request_has_its_line_and_no_line_anothers_context(
    project: Project, kind: str
) -> None:
    with project.serve(kind, *SERVERS[kind]) as server:
        server.get("/ok/")
        clients = Clients(server, in_async=kind == "uvicorn")
        clients.run(requests=REQUESTS, seconds=SOAK_SECONDS)
        expected = len(clients.answered) + len(clients.left)
        server.wait_until(
            lambda: server.stdout.count('"event":"request_') > expected, timeout=60
        )
        leftovers = {server.get("/leftover/").body for _ in range(50)}
        server.stop()
    assert clients.errors == []
    assert len(clients.answered) > REQUESTS * 0.9
    assert leftovers == {b""}

    lines = [json.loads(line) for line in server.stdout.splitlines()]
    ends = defaultdict(list)
    for line in lines:
        request_id = line.get("request.id", "")
        if not request_id.startswith("r-"):
            continue
        for name in ("name_said", "name_bound"):
            assert line.get(name, request_id) == request_id, line
        if line["event"].startswith("request_"):
            ends[request_id].append(line)
    asked = {*clients.answered, *clients.left}
    count("requests under load", len(asked))
    count("lines under load", len(lines))
    count("lines lost under load", len(asked - ends.keys()))
    said = [line for line in lines if line.get("name_said")]
    assert {line["request.id"] == line["name_said"] for line in said} == {True}
    assert {len(found) for found in ends.values()} == {1}
    assert ends.keys() == asked
    for request_id, status in clients.answered.items():
        assert end_says(ends[request_id][0], status)
    assert not any(line["event"] == "lines_dropped" for line in lines)


def end_says(line: dict[str, Any], status: int) -> bool:
    failed = line["event"] == "request_failed" and status == 500
    return failed or line["http.status_code"] == status


def test_tasks_on_threads_keep_their_context_apart(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("tasks") / "shop"
    project = start_site(folder, use_celery=True)
    project.write("tasks_talking.py", (PROJECT_FILES / "hostile_tasks.py").read_text())
    finished = project.run("python", "tasks_talking.py", str(TASKS))
    assert finished.stderr.splitlines()[-1] == "context after: {}"
    lines = [json.loads(line) for line in finished.stdout.splitlines()]
    said = [line for line in lines if line["event"] == "said"]
    count("tasks", TASKS)
    assert len(said) == 2 * TASKS
    assert {line["request.id"] == line["name"] for line in said} == {True}
    ended = [line for line in lines if line["event"] == "task_completed"]
    assert set(Counter(line["request.id"] for line in ended).values()) == {1}
    assert len(ended) == TASKS
