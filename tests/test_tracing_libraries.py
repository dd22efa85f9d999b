"""Spans of libraries, and metrics of requests, at a real receiver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import Project, json_lines
from .support.otlp import Receiver, points
from .support.redis import redis

URLS = """
import requests
from django.db import connection
from django.http import HttpResponse, JsonResponse
from django.urls import path
from telemetry.context import add

def page(request, pk):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s, 'hunter2'", ["hunter2"])
    add(rows=3)
    url = request.build_absolute_uri("/echo/?token=hunter2")
    return JsonResponse(requests.get(url).json())

def echo(request):
    return JsonResponse(dict(request.headers))

def failing(request):
    raise KeyError("no luck")

def refused(request):
    return HttpResponse(status=503)

urlpatterns = [
    path("teams/<int:pk>/", page),
    path("echo/", echo),
    path("failing/", failing),
    path("refused/", refused),
]
"""


# In seconds, by the conventions.
BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("libraries") / "shop",
        extra=["gunicorn", "requests"],
        otel_exporter="otlp-http",
        otel_libraries=["sqlite3", "requests", "redis"],
        resource_labels="team",
    )
    project.write("config/urls.py", URLS)
    project.configure(ALLOWED_HOSTS=["127.0.0.1"], DEBUG=False)
    project.edit(
        "telemetry/fields.py", "SEND_REQUEST_ID = False", "SEND_REQUEST_ID = True"
    )
    project.environ |= {"OTEL_ENABLED": "true", "OTEL_TRACES_SAMPLER_ARG": "1"}
    return project


@pytest.fixture
def receiver(project: Project) -> Iterator[Receiver]:
    with Receiver() as receiver:
        receiver.receive_from(project)
        yield receiver


def test_queries_and_outgoing_requests_are_spans(
    project: Project, receiver: Receiver
) -> None:
    with project.serve("gunicorn", "--threads=4") as server:
        assert server.get("/teams/5/", {"X-Request-ID": "r-1"}).status == 200
        server.stop()
    spans = {(span.name, span.kind): span for span in receiver.spans}
    server_kind, client_kind = 2, 3
    page = spans["GET /teams/<int:pk>/", server_kind]
    query = spans["SELECT", client_kind]
    outgoing = spans["GET", client_kind]
    echo = spans["GET /echo/", server_kind]
    assert page.attributes["rows"] == 3
    assert query.parent_span_id == outgoing.parent_span_id == page.span_id
    assert echo.parent_span_id == outgoing.span_id
    assert "hunter2" not in f"{receiver.spans}"
    lines = json_lines(server.stdout)
    completed = [line for line in lines if line["event"] == "request_completed"]
    assert [line["request.id"] for line in completed] == ["r-1", "r-1"]
    # The client for Redis is not installed.
    [missing] = [line for line in lines if line["event"] == "library_not_traced"]
    assert missing["library"] == "redis"
    assert "redis" in missing["reason"]


def test_request_metrics_have_route_method_and_status(
    project: Project, receiver: Receiver
) -> None:
    with project.serve("gunicorn", OTEL_METRICS_EXPORTER="otlp") as server:
        server.get("/echo/?token=hunter2")
        server.get("/echo/")
        server.get("/nowhere/")
        server.get("/failing/")
        server.get("/refused/")
        server.stop()
    metrics = {metric.name: metric for metric in receiver.metrics}
    duration = metrics["http.server.request.duration"]
    assert duration.unit == "s"
    assert duration.description == "Duration of HTTP server requests."
    shown = {
        (
            found.get("http.route"),
            found["http.response.status_code"],
            found.get("error.type"),
        ): point.count
        for found, point in points(duration)
    }
    assert shown == {
        ("/echo/", 200, None): 2,
        (None, 404, None): 1,
        ("/failing/", 500, "KeyError"): 1,
        ("/refused/", 503, "503"): 1,
    }
    for found, point in points(duration):
        assert found["http.request.method"] == "GET"
        assert found["url.scheme"] == "http"
        assert list(point.explicit_bounds) == BOUNDS
    active = metrics["http.server.active_requests"]
    assert [point.as_int for _, point in points(active)] == [0]
    assert "hunter2" not in f"{receiver.metrics}"


CALLS = """
import django; django.setup()
import sys, redis, requests
from django.db import connection
from opentelemetry import trace
with trace.get_tracer("shop").start_as_current_span("work"):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s", ["hunter2"])
    redis.Redis.from_url(sys.argv[1]).set("key", "hunter2")
    requests.get(sys.argv[2] + "/v1/?token=hunter2")
"""

# Of spans of sqlite3, redis and requests, by the kind of names.
NAMES = {
    "classic": [
        {"db.statement", "db.system"},
        {"db.statement", "db.system", "net.peer.name"},
        {"http.method", "http.status_code", "http.url"},
    ],
    "stable": [
        {"db.query.text", "db.system.name"},
        {"db.query.text", "db.system.name", "server.address"},
        {"http.request.method", "http.response.status_code", "url.full"},
    ],
}


@pytest.mark.parametrize("field_names", NAMES)
def test_names_of_library_spans(tmp_path: Path, field_names: str) -> None:
    """They follow the answer; under `stable` none is a name of before."""
    project = Project.start(
        tmp_path / "shop",
        extra=["redis", "requests"],
        field_names=field_names,
        otel_libraries=["sqlite3", "requests", "redis"],
    )
    project.environ |= {"OTEL_ENABLED": "true", "OTEL_TRACES_SAMPLER_ARG": "1"}
    with Receiver() as receiver, redis(tmp_path) as url:
        receiver.receive_from(project)
        project.run("python", "-c", CALLS, url, receiver.http)
    spans = {span.name: span.attributes.keys() for span in receiver.spans}
    print(f"\n{field_names}: { {name: sorted(keys) for name, keys in spans.items()} }")
    every: set[str] = set().union(*spans.values())
    for name, names in zip(("SELECT", "SET", "GET"), NAMES[field_names], strict=True):
        assert names <= spans[name]
    for other in NAMES.keys() - {field_names}:
        assert every.isdisjoint(set().union(*NAMES[other]))
    assert "hunter2" not in f"{receiver.spans}"
