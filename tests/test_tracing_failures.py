"""Whatever is wrong with tracing, the application starts, serves and stops."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .support import Project, json_lines
from .support.otlp import Receiver
from .support.processes import free_port

PROJECT_FILES = Path(__file__).parent / "project_files"
# In seconds: how long a server may take from SIGTERM to its end.
STOP = 5


@pytest.fixture(scope="module", params=["otlp-http", "otlp-grpc"])
def project(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    exporter: str = request.param
    project = Project.start(
        tmp_path_factory.mktemp(exporter) / "shop",
        extra=["gunicorn", "uvicorn", "opentelemetry-distro>=0.66b1"],
        otel_exporter=exporter,
        resource_labels="team",
    )
    project.write("config/urls.py", (PROJECT_FILES / "tracing_urls.py").read_text())
    project.configure(ALLOWED_HOSTS=["127.0.0.1", "testserver"], DEBUG=False)
    project.environ |= {
        "OTEL_ENABLED": "true",
        "OTEL_TRACES_SAMPLER_ARG": "1",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_BLRP_SCHEDULE_DELAY": "100",
    }
    return project


# What is decided before there is an exporter.
BEFORE_EXPORTERS = pytest.mark.parametrize("project", ["otlp-http"], indirect=True)


@pytest.fixture
def receiver(project: Project) -> Iterator[Receiver]:
    with Receiver() as receiver:
        receiver.receive_from(project)
        yield receiver


def of_exporter(text: str) -> list[dict[str, Any]]:
    lines = json_lines(text)
    return [line for line in lines if line["logger"].startswith("opentelemetry")]


@pytest.mark.parametrize("kind", ["gunicorn", "uvicorn"])
@pytest.mark.parametrize("fault", ["absent", "hanging", "refusing"])
def test_a_collector_that_is_no_help(
    project: Project, receiver: Receiver, kind: str, fault: str
) -> None:
    """Requests go on, one line a minute says so, and the end comes soon."""
    environ = {}
    if fault == "absent":
        environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{free_port()}"
    if fault == "hanging":
        receiver.gate.clear()
    receiver.refuses = fault == "refusing"
    with project.serve(kind, **environ) as server:
        for _ in range(20):
            assert server.get("/teams/1/").status == 200
        if fault == "refusing":
            receiver.wait_for(lambda receiver: receiver.requests)
        if fault == "absent":
            server.wait_until(lambda: bool(of_exporter(server.stdout)))
        assert server.stop(timeout=STOP) in (0, -15)
    assert len(of_exporter(server.stdout)) <= 1


def test_a_collector_that_is_slow_costs_requests_nothing(
    project: Project, receiver: Receiver
) -> None:
    receiver.delay = 0.3
    with project.serve("gunicorn") as server:
        for _ in range(20):
            assert server.get("/teams/1/").status == 200
        # All requests were answered before the first export was.
        assert len(receiver.spans) < 20
        assert server.stop(timeout=STOP) in (0, -15)
    receiver.wait_for(lambda receiver: len(receiver.spans) == 20)
    assert not of_exporter(server.stdout)


def test_a_collector_behind_tls(project: Project, tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes"),
            *("-keyout", key, "-out", certificate, "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    with Receiver(certificate=(certificate, key)) as receiver:
        receiver.receive_from(project)
        trusted = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(certificate)}
        with project.serve("gunicorn", **trusted) as server:
            server.get("/teams/1/")
            server.stop()
        assert [span.name for span in receiver.spans] == ["GET /teams/<int:pk>/"]
        assert receiver.records

        # A certificate that is not there: the application runs all the same.
        missing = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(tmp_path / "missing.pem")}
        with project.serve("gunicorn", **missing) as server:
            assert server.get("/teams/1/").status == 200
            assert server.stop(timeout=STOP) in (0, -15)
        assert "missing.pem" in server.stdout


@BEFORE_EXPORTERS
@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "-5"}, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "1"}, "max_queue_size"),
        ({"OTEL_SDK_DISABLED": "true"}, "OTEL_SDK_DISABLED"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_keeps_tracing_off_is_said_in_one_line(
    project: Project, receiver: Receiver, environ: dict[str, str], reason: str
) -> None:
    with project.serve("gunicorn", **environ) as server:
        assert server.get("/teams/1/").status == 200
        [line] = server.wait_for("request_completed")
        assert "trace_id" not in line
        server.stop()
    [line] = server.events("tracing_disabled")
    assert reason in line["reason"]
    assert not receiver.spans


@BEFORE_EXPORTERS
def test_a_package_that_is_missing(project: Project, receiver: Receiver) -> None:
    project.write(
        "manage_without.py",
        "import sys\n"
        'sys.modules["opentelemetry.instrumentation.utils"] = None\n'
        "from django.core.management import execute_from_command_line\n"
        "execute_from_command_line(sys.argv)\n",
    )
    done = project.run("python", "manage_without.py", "check")
    [line] = json_lines(done.stdout)
    assert line["event"] == "tracing_disabled"
    assert "opentelemetry.instrumentation.utils" in line["reason"]


@BEFORE_EXPORTERS
@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_TRACES_SAMPLER_ARG": "10%"},
        {"OTEL_TRACES_SAMPLER_ARG": "1.5"},
        {"OTEL_TRACES_SAMPLER_ARG": "nan"},
        {"OTEL_TRACES_SAMPLER": "sometimes"},
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        {"OTEL_LOGS_EXPORTER": "file"},
        {"OTEL_PROPAGATORS": "tracecontext,nobody"},
        {"OTEL_CONFIG_FILE": "/etc/otel.yaml"},
        {"TELEMETRY_SLOW_MS": "1s"},
        {"OTEL_PYTHON_DJANGO_EXCLUDED_URLS": "*health"},
    ],
    ids=str,
)
def test_a_bad_value_is_a_warning_and_fails_the_check(
    project: Project, environ: dict[str, str]
) -> None:
    [(name, value)] = environ.items()
    done = project.manage("check", check=False, **environ)
    assert done.returncode == 1
    assert f"{name} must be" in done.stderr
    [line] = json_lines(done.stdout)
    assert line["event"] == "environment_value_rejected"
    assert line["problem"].startswith(f"{name} must be")
    assert value in line["problem"]
    # It stops no application.
    code = "import django; django.setup(); from django.core.wsgi import *; "
    code += "get_wsgi_application()"
    assert project.run("python", "-c", code, check=True, **environ).stderr == ""


SAMPLED = """
import json, sys
import django
django.setup()
from django.test import Client
from opentelemetry import trace
parent = {"traceparent": sys.argv[1]} if sys.argv[1:] else {}
for number in range(400):
    Client(headers=parent).get("/teams/1/")
trace.get_tracer_provider().force_flush()
"""


@BEFORE_EXPORTERS
@pytest.mark.parametrize(
    ("environ", "flags", "low", "high"),
    [
        ({"OTEL_TRACES_SAMPLER_ARG": "0"}, None, 0, 0),
        ({"OTEL_TRACES_SAMPLER_ARG": ""}, None, 10, 80),
        ({"OTEL_TRACES_SAMPLER_ARG": "0.1"}, None, 10, 80),
        ({"OTEL_TRACES_SAMPLER_ARG": "1"}, None, 400, 400),
        ({"OTEL_TRACES_SAMPLER_ARG": "all"}, None, 10, 80),
        ({"OTEL_TRACES_SAMPLER": "some"}, None, 400, 400),
        ({"OTEL_TRACES_SAMPLER_ARG": "0"}, "01", 400, 400),
        ({"OTEL_TRACES_SAMPLER_ARG": "1"}, "00", 0, 0),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, "01", 0, 0),
    ],
)
def test_sampling(
    project: Project,
    receiver: Receiver,
    environ: dict[str, str],
    flags: str | None,
    low: int,
    high: int,
) -> None:
    """A parent decides; else the rate does, which is a tenth unless it is good."""
    project.write("sampled.py", SAMPLED)
    parent = [f"00-{'ab' * 16}-{'cd' * 8}-{flags}"] if flags else []
    environ = {"OTEL_LOGS_EXPORTER": "none"} | environ
    done = project.run("python", "sampled.py", *parent, check=True, **environ)
    assert low <= len(receiver.spans) <= high
    lines = [line for line in json_lines(done.stdout) if line["event"] == "viewed"]
    assert all(len(line["trace_id"]) == 32 for line in lines)
    if flags:
        assert {line["trace_id"] for line in lines} == {"ab" * 16}
        assert {span.parent_span_id for span in receiver.spans} <= {"cd" * 8}


def test_debug_at_the_root_feeds_nothing_back(
    project: Project, receiver: Receiver
) -> None:
    """An export makes no records that the next export would carry."""
    with project.serve("gunicorn", LOG_LEVEL="DEBUG") as server:
        server.get("/noisy/")
        receiver.wait_for(lambda receiver: "request_completed" in bodies(receiver))
        first = receiver.requests
        server.get("/noisy/")
        receiver.wait_for(lambda receiver: bodies(receiver).count("detail") == 2)
        server.stop()
    assert receiver.requests <= first + 5
    scopes = {record.scope for record in receiver.records}
    assert not [scope for scope in scopes if scope.startswith(("opentelemetry", "url"))]


def bodies(receiver: Receiver) -> list[Any]:
    return [record.body for record in receiver.records]


OWN = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
"""


@BEFORE_EXPORTERS
def test_a_provider_of_the_project_stays_alone(
    project: Project, receiver: Receiver, tmp_path: Path
) -> None:
    """Nothing is added to it, one line says so, and lines have its ids."""
    settings = project.settings.read_text()
    project.write("config/settings.py", settings + OWN)
    code = (
        "import django; django.setup()\n"
        "from django.conf import settings\n"
        "from opentelemetry import trace\n"
        "import structlog\n"
        "with trace.get_tracer('shop').start_as_current_span('own') as span:\n"
        "    structlog.get_logger('shop').info('inside')\n"
        "assert not span._span_processor._span_processors\n"
        "assert 'telemetry' in settings.MIDDLEWARE[0]\n"
        "assert 'tracing' not in settings.MIDDLEWARE[0]\n"
    )
    try:
        done = project.run("python", "-c", code)
    finally:
        project.write("config/settings.py", settings)
    said, inside = json_lines(done.stdout)
    assert said["event"] == "tracing_disabled"
    assert "TracerProvider" in said["reason"]
    assert len(inside["trace_id"]) == 32
    assert not receiver.spans


def test_a_start_with_opentelemetry_instrument(
    project: Project, receiver: Receiver
) -> None:
    """It traces as it does without us: one span a request."""
    protocol = "grpc" if "grpc" in str(project.folder) else "http/protobuf"
    environ = {
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "PYTHONPATH": str(project.folder),
    }
    code = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "Client().get('/teams/1/')\n"
    )
    project = project.with_extra("opentelemetry-instrumentation-django>=0.62b0")
    done = project.run(
        "opentelemetry-instrument", "python", "-c", code, check=True, **environ
    )
    lines = json_lines(done.stdout)
    assert [line["event"] for line in lines] == [
        "tracing_disabled",
        "viewed",
        "request_completed",
    ]
    [span] = receiver.spans
    assert span.trace_id == lines[1]["trace_id"] == lines[2]["trace_id"]


@BEFORE_EXPORTERS
def test_off_costs_no_import(project: Project) -> None:
    code = (
        "import sys, django, json; django.setup()\n"
        "import telemetry.middleware, telemetry.checks\n"
        "print(json.dumps({'found': [n for n in sys.modules if 'opentelem' in n]}))\n"
    )
    for environ in ({"OTEL_ENABLED": ""}, {"TELEMETRY_ENABLED": "false"}):
        done = project.run("python", "-c", code, check=True, **environ)
        assert json.loads(done.stdout.splitlines()[-1]) == {"found": []}
