"""Requests as spans, and their lines as log records, at a real receiver."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .support import Project, json_lines
from .support.otlp import Receiver

PROJECT_FILES = Path(__file__).parent / "project_files"


def start(folder: Path, **answers: Any) -> Project:
    project = Project.start(
        folder,
        extra=["uvicorn", "gunicorn"],
        service_name="shop",
        resource_labels="team",
        **answers,
    )
    project.write("config/urls.py", (PROJECT_FILES / "tracing_urls.py").read_text())
    project.configure(ALLOWED_HOSTS=["127.0.0.1", "testserver"], DEBUG=False)
    project.environ |= {
        "OTEL_ENABLED": "true",
        "OTEL_TRACES_SAMPLER_ARG": "1",
        "OTEL_LOGS_EXPORTER": "otlp",
    }
    return project


@pytest.fixture(scope="module", params=["otlp-http", "otlp-grpc"])
def project(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    exporter: str = request.param
    folder = tmp_path_factory.mktemp(exporter) / "shop"
    return start(folder, otel_exporter=exporter)


# What is decided before there is an exporter.
BEFORE_EXPORTERS = pytest.mark.parametrize("project", ["otlp-http"], indirect=True)


@pytest.fixture
def receiver(project: Project) -> Iterator[Receiver]:
    with Receiver() as receiver:
        receiver.receive_from(project)
        yield receiver


@pytest.mark.parametrize("kind", ["gunicorn", "uvicorn"])
def test_span_line_and_record_say_the_same(
    project: Project, receiver: Receiver, kind: str
) -> None:
    with project.serve(kind) as server:
        server.get("/teams/5/?token=abc123", {"X-Request-ID": "r-1"})
        server.stop()
    lines = [line for line in json_lines(server.stdout) if "team.id" in line]
    records = [item for item in receiver.records if "team.id" in item.attributes]
    [span] = receiver.spans
    assert span.name == "GET /teams/<int:pk>/"
    assert span.resource["service.name"] == "shop"
    fields = {
        "request.id": "r-1",
        "labels": ["team"],
        "team.id": 5,
        "league": "north",
        "http.method": "GET",
        "http.route": "/teams/<int:pk>/",
        "http.status_code": 200,
    }
    assert fields.items() <= span.attributes.items()

    assert [line["event"] for line in lines] == ["viewed", "request_completed"]
    assert {record.body for record in records} == {"viewed", "request_completed"}
    for record in records:
        [line] = [line for line in lines if line["event"] == record.body]
        assert record.trace_id == line["trace_id"] == span.trace_id
        assert record.span_id == line["span_id"] == span.span_id
        assert record.severity_text.lower() == line["level"]
        assert record.scope == line["logger"]
        head = {"timestamp", "level", "logger", "event", "trace_id", "span_id"}
        assert record.attributes.keys() == line.keys() - head
    [viewed] = [record for record in records if record.body == "viewed"]
    assert viewed.attributes["password"] == "[redacted]"
    assert viewed.attributes["huge"] == str(2**64 - 1)
    assert viewed.attributes["bad"] == "\\ud800"
    everything = f"{receiver.spans}{receiver.records}"
    assert "abc123" not in everything
    assert "hunter2" not in everything


@BEFORE_EXPORTERS
def test_a_method_of_the_clients_own_is_no_name(
    project: Project, receiver: Receiver
) -> None:
    with project.serve("gunicorn") as server:
        server.request("ABCDE", "/teams/5/")
        server.stop()
    [span] = receiver.spans
    assert span.name == "_OTHER /teams/<int:pk>/"


@BEFORE_EXPORTERS
@pytest.mark.parametrize("kind", ["gunicorn", "uvicorn"])
def test_an_exception_without_its_secrets(
    project: Project, receiver: Receiver, kind: str
) -> None:
    with project.serve(kind) as server:
        assert server.get("/failing/").status == 500
        server.stop()
    [span] = receiver.spans
    assert span.status.code == span.status.STATUS_CODE_ERROR
    assert "no luck" in span.status.message
    [event] = span.events
    text = f"{span.proto}{receiver.records}"
    assert event.name == "exception"
    assert "token=[redacted]" in text
    assert "abc123" not in text
    assert "me:pw" not in text
    [record] = [item for item in receiver.records if item.body == "request_failed"]
    assert "Traceback" in record.attributes["exception.stacktrace"]
    assert record.trace_id == span.trace_id


@BEFORE_EXPORTERS
@pytest.mark.parametrize("kind", ["gunicorn", "uvicorn"])
def test_lines_of_a_streamed_body_belong_to_its_span(
    project: Project, receiver: Receiver, kind: str
) -> None:
    with project.serve(kind) as server:
        assert server.get("/stream/").body == b"a"
        server.stop()
    [span] = receiver.spans
    for event in ("streamed", "request_completed"):
        [line] = server.events(event)
        [record] = [item for item in receiver.records if item.body == event]
        assert line["trace_id"] == record.trace_id == span.trace_id
        assert line["span_id"] == record.span_id == span.span_id


@BEFORE_EXPORTERS
def test_a_client_that_leaves(project: Project, receiver: Receiver) -> None:
    """Its span ends, as 499, and nothing complains."""
    with project.serve("uvicorn") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(
                b"GET /slow/?seconds=60 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            )
            server.wait_for("slow_begun")
        [line] = server.wait_for("request_cancelled")
        server.stop()
    [span] = receiver.spans
    assert span.attributes["http.status_code"] == 499
    assert span.attributes["request.id"] == line["request.id"]
    assert span.span_id == line["span_id"]
    assert not [line for line in json_lines(server.stdout) if line["level"] == "error"]


@BEFORE_EXPORTERS
@pytest.mark.parametrize("kind", ["gunicorn", "uvicorn"])
def test_a_forged_host_is_a_request_like_any_other(
    project: Project, receiver: Receiver, kind: str
) -> None:
    """The instrumentation refuses it; our middleware still says what it was."""
    with project.serve(kind) as server:
        answer = server.get("/teams/1/", {"Host": "evil.example"})
        [line] = server.wait_for("request_completed")
        server.stop()
    assert answer.status == line["http.status_code"] == 400
    assert answer.headers["X-Request-ID"] == line["request.id"]


@BEFORE_EXPORTERS
def test_the_environment_wins(project: Project, receiver: Receiver) -> None:
    environ = {
        "OTEL_SERVICE_NAME": "market",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod,team=a%20b",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-team=s%20e",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_PROPAGATORS": "baggage",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "3",
        "OTEL_LOGS_EXPORTER": "none",
    }
    parent = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
    with project.serve("gunicorn", **environ) as server:
        server.get("/teams/5/", parent)
        server.stop()
    [span] = receiver.spans
    assert span.resource["service.name"] == "market"
    assert span.resource["deployment.environment.name"] == "prod"
    assert span.resource["team"] == "a b"
    assert span.headers["x-team"] == "s e"
    assert not span.parent_span_id
    assert len(span.attributes) == 3
    assert not receiver.records


@BEFORE_EXPORTERS
def test_middleware_may_be_a_tuple(project: Project, receiver: Receiver) -> None:
    settings = project.settings.read_text()
    project.write("config/settings.py", settings + "\nMIDDLEWARE = tuple(MIDDLEWARE)\n")
    try:
        project.manage("check", "--fail-level=WARNING")
        with project.serve("gunicorn") as server:
            server.get("/teams/5/")
            server.stop()
    finally:
        project.write("config/settings.py", settings)
    assert len(receiver.spans) == 1


@pytest.mark.parametrize("field_names", ["classic", "stable"])
def test_console_keeps_stdout_for_lines(tmp_path: Path, field_names: str) -> None:
    """Spans go to stderr, a line each, with the names of the log lines."""
    project = start(tmp_path / "shop", otel_exporter="console", field_names=field_names)
    project.environ["OTEL_LOGS_EXPORTER"] = "none"
    with project.serve("uvicorn") as server:
        server.get("/teams/5/?token=abc123")
        server.stop()
    for text in server.stdout.splitlines():
        json.loads(text)
    [span] = [json.loads(t) for t in server.stderr.splitlines() if t[:1] == "{"]
    [line] = server.events("request_completed")
    named = {name for name in line if name.startswith(("http.", "url."))}
    assert span["attributes"]["http.route"] == "/teams/<int:pk>/"
    named.discard("http.route")
    assert {name: span["attributes"][name] for name in named} == {
        name: line[name] for name in named
    }
    old, new = "http.method", "http.request.method"
    assert (old in span["attributes"]) is (field_names != "stable")
    assert (new in span["attributes"]) is (field_names != "classic")
    assert "abc123" not in server.stderr
