"""Tasks and WebSocket messages in the traces they belong to."""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .support import Project, Server, json_lines
from .support.otlp import Item, Receiver, points
from .support.processes import free_port

PROJECT_FILES = Path(__file__).parent / "project_files"
REQUESTS = 20

pytestmark = pytest.mark.skipif(
    not shutil.which("redis-server"), reason="redis-server is not installed"
)

POOLS = {
    "prefork": ("--pool=prefork", "--concurrency=2"),
    "prefork max-tasks-per-child": (
        *("--pool=prefork", "--concurrency=2"),
        "--max-tasks-per-child=5",
    ),
    "threads": ("--pool=threads", "--concurrency=2"),
    "solo": ("--pool=solo",),
    "gevent": ("--pool=gevent", "--concurrency=10"),
}

ASGI = """
import os
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
http = get_asgi_application()
from config.urls import websockets
application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(websockets)})
"""

TALK = """
import sys
from websockets.sync.client import connect
from websockets.exceptions import ConnectionClosed
url, *messages = sys.argv[1:]
headers = {"X-Request-ID": "r-1", "traceparent": "00-%s-%s-01" % ("ab" * 16, "cd" * 8)}
headers["baggage"] = "tenant=acme"
with connect(url, additional_headers=headers) as socket:
    try:
        for message in messages:
            socket.send(message)
            print(socket.recv())
        if "stream" in messages:
            socket.socket.shutdown(2)
    except ConnectionClosed:
        pass
"""


PUBLISH_IN_VAIN = """
import django; django.setup()
import structlog
from opentelemetry import trace
from config.urls import app, first
app.conf.broker_url = "amqp://127.0.0.1:1"
app.conf.broker_transport_options = {"max_retries": 1, "interval_start": 0}
with trace.get_tracer("shop").start_as_current_span("work"):
    for _ in range(2):
        try:
            first.apply_async(retry=False)
        except first.OperationalError:
            structlog.get_logger("shop").error("not_sent")
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--bind", "127.0.0.1"]
    folder = tmp_path_factory.mktemp("redis")
    with Server(command, port=port, cwd=folder, env={"PATH": "/usr/bin:/bin"}):
        yield f"redis://127.0.0.1:{port}"


@pytest.fixture(scope="module", params=["otlp-http", "otlp-grpc"])
def project(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    broker: str,
) -> Project:
    exporter: str = request.param
    project = Project.start(
        tmp_path_factory.mktemp(exporter) / "shop",
        extra=["gevent", "redis", "uvicorn", "websockets"],
        otel_exporter=exporter,
        resource_labels="team",
        use_celery=True,
        use_channels=True,
    )
    project.write("config/urls.py", (PROJECT_FILES / "tracing_tasks.py").read_text())
    project.write("config/asgi.py", ASGI)
    project.write("config/__init__.py", "")
    project.write(
        "worker.py",
        "import django; django.setup()\nfrom config.urls import app as app\n",
    )
    project.write("talk.py", TALK)
    project.configure(
        ALLOWED_HOSTS=["127.0.0.1"], DEBUG=False, CELERY_BROKER_URL=broker
    )
    # How long a process waits for a Collector is not what is tested here.
    project.edit("telemetry/internals/shutdown.py", "MAX_WAIT = 3.0", "MAX_WAIT = 20")
    project.environ |= {
        "OTEL_ENABLED": "true",
        "OTEL_TRACES_SAMPLER_ARG": "1",
        "OTEL_LOGS_EXPORTER": "otlp",
        # Nothing goes before the end of a process.
        "OTEL_BSP_SCHEDULE_DELAY": "600000",
    }
    return project


@pytest.fixture
def receiver(project: Project) -> Iterator[Receiver]:
    with Receiver() as receiver:
        receiver.receive_from(project)
        yield receiver


def worker(project: Project, *arguments: str, **environ: str) -> Any:
    return project.spawn("celery", "-A", "worker", "worker", *arguments, **environ)


def chain(spans: list[Item]) -> list[str]:
    """Return the names of spans of which each is the parent of the next."""
    found = []
    parent = ""
    while children := [span for span in spans if span.parent_span_id == parent]:
        [child] = children
        found.append(child.name)
        parent = child.span_id
    return found


@pytest.mark.parametrize("pool", POOLS)
def test_a_request_a_task_and_its_task_are_one_trace(
    project: Project, receiver: Receiver, pool: str
) -> None:
    """None is missing after the worker's end, nor is one of their lines."""
    with worker(project, *POOLS[pool]) as tasks, project.serve("uvicorn") as server:
        for number in range(REQUESTS):
            server.get(f"/teams/{number}/?token=abc123")
        tasks.wait_for("task_completed", count=2 * REQUESTS, timeout=60)
        tasks.stop()
        server.stop()

    names = Counter(span.name for span in receiver.spans)
    tally = Counter(record.body for record in receiver.records)
    print(f"\n{pool}: {dict(names)}, {tally['worked']} {tally['task_completed']}")
    assert names == {
        "GET /teams/<int:pk>/": REQUESTS,
        "apply_async/first": 2 * REQUESTS,
        "run/first": 2 * REQUESTS,
    }
    for body in ("task_started", "worked", "task_completed"):
        assert tally[body] == 2 * REQUESTS

    traces = defaultdict(list)
    for span in receiver.spans:
        traces[span.trace_id].append(span)
    assert len(traces) == REQUESTS
    for spans in traces.values():
        assert chain(spans) == [
            "GET /teams/<int:pk>/",
            *("apply_async/first", "run/first"),
            *("apply_async/first", "run/first"),
        ]
        own = [span for span in spans if not span.name.startswith("apply")]
        assert len({span.attributes["request.id"] for span in own}) == 1
        assert len({span.attributes["team.id"] for span in own}) == 1
        runs = [span for span in own if span.name.startswith("run")]
        assert {span.attributes["rows"] for span in runs} == {0, 1}
    ids = {(span.trace_id, span.span_id) for span in receiver.spans}
    for line in json_lines(tasks.stdout):
        if line["event"] in ("task_started", "worked", "task_completed"):
            assert (line["trace_id"], line["span_id"]) in ids
    assert "abc123" not in str(receiver.spans)


def test_a_task_that_fails(project: Project, receiver: Receiver) -> None:
    """Its error is in the span and in the line, without the secret."""
    with worker(project, "--pool=solo") as tasks:
        project.run(
            "python",
            "-c",
            "import worker\nfrom config.urls import failing\nfailing.delay()",
        )
        [line] = tasks.wait_for("task_failed")
        tasks.stop()
    [span] = [span for span in receiver.spans if span.name == "run/failing"]
    assert span.status.code == span.status.STATUS_CODE_ERROR
    assert [event.name for event in span.events] == ["exception"]
    assert (line["trace_id"], line["span_id"]) == (span.trace_id, span.span_id)
    assert "token=[redacted]" in str(span.proto)
    assert "abc123" not in f"{receiver.spans}{receiver.records}"


def test_a_connection_is_a_short_span_and_one_for_each_message(
    project: Project, receiver: Receiver
) -> None:
    """A message that starts a task is a trace with it, linked to the connection."""
    with worker(project, "--pool=solo") as tasks, project.serve("uvicorn") as server:
        url = f"ws://127.0.0.1:{server.port}/ws/teams/5/?token=abc123"
        said = project.run("python", "talk.py", url, "one", "two").stdout
        tasks.wait_for("task_completed", count=2)
        [gone] = server.wait_for("ws_disconnected")
        tasks.stop()
        server.stop()
    assert said == "{'tenant': 'acme'}\n" * 2
    spans = {span.name: span for span in receiver.spans}
    connect = spans["websocket.connect"]
    assert connect.trace_id == "ab" * 16
    assert connect.parent_span_id == "cd" * 8
    messages = [span for span in receiver.spans if span.name == "websocket.receive"]
    assert len(messages) == 2
    for message in [*messages, spans["websocket.disconnect"]]:
        [link] = message.links
        assert link.span_id.hex() == connect.span_id
        assert not message.parent_span_id
        assert message.trace_id != connect.trace_id
    for message in messages:
        trace = [span for span in receiver.spans if span.trace_id == message.trace_id]
        assert chain(trace) == ["websocket.receive", "apply_async/first", "run/first"]
        [run] = [span for span in trace if span.name == "run/first"]
        for span in (connect, message, run):
            assert span.attributes["request.id"] == "r-1"
            assert span.attributes["team.id"] == 5
            assert span.attributes["ws.conn_id"] == gone["ws.conn_id"]
    [connected] = server.events("ws_connected")
    assert connected["span_id"] == connect.span_id
    assert gone["trace_id"] == connect.trace_id
    received = {line["span_id"] for line in server.events("received")}
    assert received == {message.span_id for message in messages}
    everything = json.dumps([str(span.proto) for span in receiver.spans])
    assert "abc123" not in everything


def test_a_message_that_fails_and_a_sync_consumer(
    project: Project, receiver: Receiver
) -> None:
    with project.serve("uvicorn") as server:
        host = f"ws://127.0.0.1:{server.port}/ws"
        project.run("python", "talk.py", f"{host}/teams/5/", "fail")
        server.wait_for("ws_failed")
        project.run("python", "talk.py", f"{host}/sync/5/", "one")
        server.wait_for("ws_disconnected")
        server.stop()
    failed, fine = [s for s in receiver.spans if s.name == "websocket.receive"]
    assert failed.status.code == failed.status.STATUS_CODE_ERROR
    assert "token=[redacted]" in str(failed.events)
    assert fine.status.code == fine.status.STATUS_CODE_UNSET
    lines = server.events("received")
    assert [line["span_id"] for line in lines] == [failed.span_id, fine.span_id]
    ended = [s for s in receiver.spans if s.name == "websocket.disconnect"]
    assert [span.status.code for span in ended] == [
        span.status.STATUS_CODE_UNSET for span in ended
    ]


def test_a_client_that_leaves_while_the_server_sends_is_no_failure(
    project: Project, receiver: Receiver
) -> None:
    with project.serve("uvicorn") as server:
        url = f"ws://127.0.0.1:{server.port}/ws/teams/5/"
        project.run("python", "talk.py", url, "stream")
        server.wait_for("ws_disconnected")
        server.stop()
    [span] = [s for s in receiver.spans if s.name == "websocket.receive"]
    assert span.status.code == span.status.STATUS_CODE_UNSET
    assert not span.events


def test_a_publish_that_fails_leaves_the_span_as_it_was(
    project: Project, receiver: Receiver
) -> None:
    """The instrumentation leaves its span open; it does not leak to the caller."""
    lines = project.run("python", "-c", PUBLISH_IN_VAIN, LOG_FORMAT="json").stdout
    spans = receiver.wait_for(lambda got: got.spans)
    [work] = [span for span in spans if span.name == "work"]
    not_sent = [line for line in json_lines(lines) if line["event"] == "not_sent"]
    assert [line["span_id"] for line in not_sent] == [work.span_id] * 2


def test_failed_and_slow_tasks_are_exported_though_not_sampled(
    project: Project, receiver: Receiver
) -> None:
    """What is expected to be raised is no failure, and a retry is none."""
    environ = {"OTEL_TRACES_SAMPLER_ARG": "0"}
    with worker(project, "--pool=solo", **environ) as tasks:
        project.run(
            "python",
            "-c",
            "import worker\nfrom config.urls import *\n"
            "first.delay(0)\n"
            "for task in (expected, retried, failing, slow): task.delay()",
            check=True,
            **environ,
        )
        [line] = tasks.wait_for("task_failed", count=2)[1:]
        tasks.wait_for("task_completed", count=3)
        tasks.stop()
    failed, slow = receiver.spans
    assert (failed.name, slow.name) == ("run/failing", "run/slow")
    assert (failed.trace_id, failed.span_id) == (line["trace_id"], line["span_id"])
    assert failed.attributes["sampling.reason"] == "error"
    assert failed.attributes["error.type"] == "ValueError"
    assert "token=[redacted]" in str(failed.events)
    assert slow.attributes["sampling.reason"] == "slow"
    assert slow.attributes["league"] == "north"
    assert slow.attributes["task.outcome"] == "completed"


@pytest.mark.parametrize("options", [(), ("--max-tasks-per-child=1",)])
def test_metrics_of_tasks(
    project: Project, receiver: Receiver, options: tuple[str, ...]
) -> None:
    """Each run is measured once, with its outcome."""
    environ = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "otlp"}
    arguments = ("--pool=prefork", "--concurrency=2", *options)
    with worker(project, *arguments, **environ) as tasks:
        project.run(
            "python",
            "-c",
            "import worker\nfrom config.urls import *\n"
            "for _ in range(5): first.delay(0)\n"
            "for task in (failing, expected, retried, rejected): task.delay()",
        )
        tasks.wait_for("task_completed", count=6, timeout=60)
        tasks.wait_for("task_failed", count=2)
        tasks.wait_for("task_rejected")
        tasks.stop()
    runs: Counter[Any] = Counter()
    waits = 0
    for metric in receiver.metrics:
        assert metric.unit == "s" or metric.name.startswith("http")
        for attributes, point in points(metric):
            if metric.name == "task.duration":
                runs[attributes["task.name"], attributes["task.outcome"]] += point.count
            if metric.name == "task.queue_wait":
                waits += point.count
    assert runs == {
        ("first", "completed"): 5,
        ("failing", "failed"): 1,
        ("expected", "failed"): 1,
        ("retried", "retried"): 1,
        ("retried", "completed"): 1,
        ("rejected", "rejected"): 1,
    }
    assert waits == 10
    names = {metric.name for metric in receiver.metrics}
    assert names <= {"task.duration", "task.queue_wait", "http.server.active_requests"}
