"""No span and no record is lost at the end of a process, whoever runs it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .support import Interpreter, Project, interpreters
from .support.otlp import Receiver, points

PROJECT_FILES = Path(__file__).parent / "project_files"
EXTRA = ("daphne", "granian", "gunicorn", "gevent", "hypercorn", "uvicorn")
REQUESTS = 30

SERVERS = {
    "runserver": ("runserver",),
    "gunicorn sync": ("gunicorn", "--workers=2"),
    "gunicorn sync preload": ("gunicorn", "--workers=2", "--preload"),
    "gunicorn threads": ("gunicorn", "--workers=2", "--threads=4"),
    "gunicorn threads preload": ("gunicorn", "--threads=4", "--preload"),
    "gunicorn gevent": ("gunicorn", "--workers=2", "--worker-class=gevent"),
    "gunicorn max-requests": ("gunicorn", "--max-requests=7"),
    "gunicorn max-requests preload": ("gunicorn", "--max-requests=7", "--preload"),
    "gunicorn threads max-requests": ("gunicorn", "--threads=4", "--max-requests=7"),
    "uvicorn": ("uvicorn",),
    "uvicorn workers": ("uvicorn", "--workers=2"),
    "daphne": ("daphne",),
    "hypercorn": ("hypercorn", "--workers=2"),
    "granian": ("granian", "--workers=2"),
}


@pytest.fixture(scope="module", params=["otlp-http", "otlp-grpc"])
def project(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    exporter: str = request.param
    project = Project.start(
        tmp_path_factory.mktemp(exporter) / "shop",
        extra=EXTRA,
        otel_exporter=exporter,
        resource_labels="team",
    )
    project.write("config/urls.py", (PROJECT_FILES / "tracing_urls.py").read_text())
    project.configure(ALLOWED_HOSTS=["127.0.0.1"], DEBUG=False)
    # How long a process waits for a Collector is not what is tested here.
    project.edit("telemetry/internals/shutdown.py", "MAX_WAIT = 3.0", "MAX_WAIT = 20")
    project.environ |= {
        "OTEL_ENABLED": "true",
        "OTEL_TRACES_SAMPLER_ARG": "1",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        # Nothing goes before the end of a process.
        "OTEL_BSP_SCHEDULE_DELAY": "600000",
        "OTEL_BLRP_SCHEDULE_DELAY": "600000",
        "OTEL_METRIC_EXPORT_INTERVAL": "600000",
    }
    return project


@pytest.fixture
def receiver(project: Project) -> Iterator[Receiver]:
    with Receiver() as receiver:
        receiver.receive_from(project)
        yield receiver


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_ends(project: Project, receiver: Receiver, name: str) -> None:
    """It gets SIGTERM right after its last request."""
    kind, *arguments = SERVERS[name]
    with project.serve(kind, *arguments) as server, ThreadPoolExecutor(4) as pool:
        paths = [f"/teams/{number}/?token=secret" for number in range(REQUESTS)]
        assert {answer.status for answer in pool.map(server.get, paths)} == {200}
        server.stop()

    spans = [span for span in receiver.spans if span.name == "GET /teams/<int:pk>/"]
    records = [record for record in receiver.records if "team.id" in record.attributes]
    measured = measured_requests(receiver, "/teams/<int:pk>/")
    print(f"\n{name}: spans {len(spans)}, records {len(records)}, measured {measured}")
    assert sorted(span.attributes["team.id"] for span in spans) == list(range(REQUESTS))
    assert len(records) == 2 * REQUESTS
    assert measured == REQUESTS
    assert "Traceback" not in server.stdout + server.stderr


def measured_requests(receiver: Receiver, route: str) -> int:
    """Return how many requests the duration metric counts, in all processes."""
    counts: dict[int, int] = {}
    for metric in receiver.metrics:
        if metric.name == "http.server.request.duration":
            for attributes, point in points(metric):
                if attributes.get("http.route") == route:
                    # A process that has ended may have sent its sum more than once.
                    began = point.start_time_unix_nano
                    counts[began] = max(counts.get(began, 0), point.count)
    return sum(counts.values())


@pytest.mark.parametrize("kind", ["uvicorn", "gunicorn"])
def test_a_request_that_outlives_sigterm(
    project: Project, receiver: Receiver, kind: str
) -> None:
    with project.serve(kind) as server, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.get, "/slow/?seconds=1")
        server.wait_for("slow_begun")
        server.stop()
        assert answer.result().status == 200
    assert [span.name for span in receiver.spans] == ["GET /slow/"]
    said = [record.body for record in receiver.records]
    assert {"slow_begun", "slow_ended", "request_completed"} <= set(said)


COMMAND = """
import time, structlog
from django.core.management import BaseCommand
from opentelemetry import trace

class Command(BaseCommand):
    def handle(self, **options):
        for number in range(10):
            with trace.get_tracer("shop").start_as_current_span("step"):
                structlog.get_logger("shop").info("stepped", number=number)
        structlog.get_logger("shop").info("worked")
        print("said all", flush=True)
        while {wait}:
            # Python misses a signal that comes just before a call that waits.
            time.sleep(0.01)
"""


@pytest.mark.parametrize("wait", [False, True], ids=["end", "sigterm"])
def test_a_management_command(project: Project, receiver: Receiver, wait: bool) -> None:
    project.write("config/management/commands/work.py", COMMAND.format(wait=wait))
    project.edit(
        "config/settings.py", "INSTALLED_APPS = [", 'INSTALLED_APPS = ["config",'
    )
    try:
        with project.spawn("python", "manage.py", "work") as process:
            process.wait_for_text("said all")
            expected = -signal.SIGTERM if wait else 0
            if not wait:
                process.wait()
            assert process.stop() == expected
    finally:
        project.edit(
            "config/settings.py", 'INSTALLED_APPS = ["config",', "INSTALLED_APPS = ["
        )
    assert len(receiver.spans) == 10
    assert len(receiver.records) == 11


FORK_IN_C = """
import ctypes, os, sys
import django; django.setup()
import structlog
from opentelemetry import trace

# As uWSGI does it: no hook of Python's is called.
if child := ctypes.PyDLL(None).fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
with trace.get_tracer("shop").start_as_current_span("step"):
    structlog.get_logger("shop").info("stepped")
"""


def test_a_fork_past_python(project: Project, receiver: Receiver) -> None:
    project.run("python", "-c", FORK_IN_C)
    assert [span.name for span in receiver.spans] == ["step"]
    assert [record.body for record in receiver.records] == ["stepped"]


FORKS = """
import os, threading
import django; django.setup()
import structlog
from opentelemetry import trace

log, tracer = structlog.get_logger("shop"), trace.get_tracer("shop")
ended = threading.Event()

def chatter():
    while not ended.wait(0.001):
        with tracer.start_as_current_span("chatter"):
            log.info("chattered")

threading.Thread(target=chatter, daemon=True).start()
for number in range(40):
    child = os.fork()
    if not child:
        with tracer.start_as_current_span("child"):
            log.info("forked", number=number)
        raise SystemExit
    os.waitpid(child, 0)
ended.set()
"""


def test_forks_while_the_parent_exports(project: Project, receiver: Receiver) -> None:
    """A child has a connection of its own, and none hangs or loses a span."""
    often = {"OTEL_BSP_SCHEDULE_DELAY": "1", "OTEL_BLRP_SCHEDULE_DELAY": "1"}
    project.run("python", "-W", "ignore", "-c", FORKS, check=True, **often)
    names = [span.name for span in receiver.spans]
    bodies = [record.body for record in receiver.records]
    assert names.count("child") == 40
    assert bodies.count("forked") == 40


@pytest.mark.parametrize("interpreter", interpreters(), ids=lambda one: one.minor)
def test_workers_that_are_children_of_multiprocessing(
    tmp_path: Path, interpreter: Interpreter
) -> None:
    """Until Python 3.13 these end without `atexit`."""
    project = Project.start(
        tmp_path / "shop",
        interpreter=interpreter,
        extra=["granian"],
        resource_labels="team",
    )
    project.write("config/urls.py", (PROJECT_FILES / "tracing_urls.py").read_text())
    project.configure(ALLOWED_HOSTS=["127.0.0.1"], DEBUG=False)
    project.environ |= {"OTEL_ENABLED": "true", "OTEL_TRACES_SAMPLER_ARG": "1"}
    with Receiver() as receiver:
        receiver.receive_from(project)
        with project.serve("granian", OTEL_BSP_SCHEDULE_DELAY="600000") as server:
            for number in range(10):
                server.get(f"/teams/{number}/")
            server.stop()
    assert len(receiver.spans) == 10
