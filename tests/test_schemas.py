"""Real lines of requests, tasks and sockets have the names and types of each log store."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from .support import Project, json_lines

URLS = """
import logging
from structlog.contextvars import bound_contextvars
from telemetry.context import add
from telemetry.logging import get_logger
from celery import shared_task
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import path
from telemetry.celery import TelemetryTask
from telemetry.websocket import TelemetryConsumerMixin

log = get_logger("shop")

class Person:
    is_authenticated, pk = True, 42

@shared_task(base=TelemetryTask)
def work():
    for number in range(6):
        User.objects.filter(pk=number).first()

class Echo(TelemetryConsumerMixin, AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        for number in range(6):
            await User.objects.filter(pk=number).afirst()
        await self.send(text_data)

def team(request, pk):
    request.user = Person()
    for number in range(6):
        User.objects.filter(pk=number).first()
    return HttpResponse()

def failing(request):
    raise ValueError("no luck")

class Code(str):
    code = "required"

RESERVED = {"message": "theirs", "status": "completed", "time": "noon"}
RESERVED |= {"severity": "low", "error": "slow", "user": "jane", "url": "/x/"}
RESERVED |= {"log": "yes", "duration_ms": "9" * 1000, "dd.span_id": "zz"}

def reserved(request):
    try:
        raise ValueError("declined")
    except ValueError:
        log.error("reserved", exc_info=True, **RESERVED)
    extra = {key: value for key, value in RESERVED.items() if key != "message"}
    logging.getLogger("shop").error("reserved", extra=extra)
    with bound_contextvars(**RESERVED):
        log.error("reserved")
    add(**RESERVED)
    return HttpResponse()

def refused(request):  # As an API does that handles its errors.
    response = HttpResponse(status=400)
    response.exception = True
    response.data = {"password": [Code("Add one.")], "items": {"price": Code("?")}}
    return response

urlpatterns = [
    path("teams/<int:pk>/", team),
    path("failing/", failing),
    path("refused/", refused),
    path("reserved/", reserved),
]
"""
DRIVE = """
import asyncio, django
django.setup()
from asgiref.testing import ApplicationCommunicator
from django.core.management import call_command
from django.test import Client
from config.urls import Echo, work
call_command("migrate", verbosity=0)

async def talk():
    scope = {"type": "websocket", "path": "/teams/5/", "headers": [], "query_string": b""}
    client = ApplicationCommunicator(Echo.as_asgi(), scope)
    await client.send_input({"type": "websocket.connect"})
    await client.receive_output()
    await client.send_input({"type": "websocket.receive", "text": "x"})
    await client.receive_output()
    await client.send_input({"type": "websocket.disconnect", "code": 1000})
    await client.wait()

client = Client(raise_request_exception=False, headers={"host": "localhost"})
client.get("/teams/5/")
client.get("/failing/")
client.get("/refused/")
work.apply()
asyncio.run(talk())
client.get("/reserved/")
"""

Check = Callable[[Any], bool]


def text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def whole(value: Any) -> bool:
    return type(value) is int


def keywords(value: Any) -> bool:
    return isinstance(value, list) and all(map(text, value))


def like(pattern: str) -> Check:
    return lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value))


TIME = like(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}Z")

# By the documents of each store: names, and what their values are.
EVERY: dict[str, dict[str, Check]] = {
    "gcp": {
        "time": TIME,
        "severity": like("DEBUG|INFO|WARNING|ERROR|CRITICAL"),
        "message": text,
        "logging.googleapis.com/trace": like("projects/shop/traces/[0-9a-f]{32}"),
        "logging.googleapis.com/spanId": like("[0-9a-f]{16}"),
        "logging.googleapis.com/trace_sampled": lambda value: value is True,
    },
    "datadog": {
        "timestamp": TIME,
        "status": like("debug|info|warning|error|critical"),
        "message": text,
        "logger.name": text,
        "dd.trace_id": like("[0-9a-f]{32}"),
        "dd.span_id": like("[0-9]+"),
        "dd.service": like("shop"),
        "dd.env": like("test"),
    },
    "ecs": {
        "@timestamp": TIME,
        "log.level": like("debug|info|warning|error|critical"),
        "message": text,
        "ecs.version": like(r"\d+\.\d+\.\d+"),
        "log.logger": text,
        "trace.id": like("[0-9a-f]{32}"),
        "span.id": like("[0-9a-f]{16}"),
    },
}
REQUEST: dict[str, dict[str, Check]] = {
    "gcp": {
        "httpRequest": lambda value: (
            value["requestMethod"] == "GET"
            and value["requestUrl"] == "/teams/5/"
            and value["status"] == 200
            and like(r"\d+\.\d+s")(value["latency"])
        ),
        "labels": keywords,
        "user.id": whole,
    },
    "datadog": {
        "http.method": text,
        "http.status_code": whole,
        "http.url_details.path": text,
        "duration": whole,
        "usr.id": whole,
    },
    "ecs": {
        "http.request.method": text,
        "http.response.status_code": whole,
        "url.path": text,
        "event.duration": whole,
        "user.id": like("42"),
        "tags": keywords,
    },
}
FAILURE: dict[str, dict[str, Check]] = {
    "gcp": {"stack_trace": text, "error.message": text},
    "datadog": {"error.kind": text, "error.message": text, "error.stack": text},
    "ecs": {"error.type": text, "error.message": text, "error.stack_trace": text},
}
CODES = {"password": "required", "items.price": "required"}
REFUSAL: dict[str, dict[str, Check]] = {
    "gcp": {"error.type": text, "error.fields": lambda value: value == CODES},
    "datadog": {"error.kind": text, "error.fields": lambda value: value == CODES},
    "ecs": {
        "error.type": text,
        "error.fields": lambda value: (
            value == ["password: required", "items.price: required"]
        ),
    },
}
# They are objects or of another type there.
FORBIDDEN = {
    "gcp": {"timestamp", "level", "event", "exception"},
    "datadog": {"level", "event", "exception", "error.type"},
    "ecs": {"timestamp", "level", "event", "labels", "exception", "log", "error"},
}


# Names of the head, and in ecs of objects, which an application uses as well.
RESERVED = {
    "gcp": ("message", "time", "severity"),
    "datadog": ("message", "status"),
    "ecs": ("message", "error", "user", "url", "log"),
}


@pytest.fixture(scope="module", params=["gcp", "datadog", "ecs"])
def written(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[dict[str, Any]]]:
    schema: str = request.param
    project = Project.start(
        tmp_path_factory.mktemp(schema) / "shop",
        log_schema=schema,
        log_queries=True,
        use_celery=True,
        use_channels=True,
        otel_exporter="console",
        resource_labels="team",
    )
    project.write("config/urls.py", URLS)
    project.configure(ALLOWED_HOSTS=["localhost"], DEBUG=False)
    finished = project.run(
        "python",
        "-c",
        DRIVE,
        OTEL_ENABLED="true",
        OTEL_TRACES_SAMPLER_ARG="1",
        OTEL_TRACES_EXPORTER="none",
        GOOGLE_CLOUD_PROJECT="shop",
        DD_SERVICE="shop",
        DD_ENV="test",
    )
    return schema, json_lines(finished.stdout)


def check(line: dict[str, Any], expected: dict[str, Check]) -> None:
    for name, is_right in expected.items():
        assert name in line, f"no {name} in {line}"
        assert is_right(line[name]), f"{name} is {line[name]!r}"


def test_lines_have_the_names_and_types_of_the_store(
    written: tuple[str, list[dict[str, Any]]],
) -> None:
    schema, lines = written
    events = [line["message"] for line in lines]
    assert events == [
        "request_completed",
        "request_failed",
        "request_completed",
        "task_started",
        "task_completed",
        "ws_connected",
        "ws_disconnected",
        *["reserved"] * 3,
        "request_completed",
    ]
    for line in lines:
        check(line, EVERY[schema])
        assert not FORBIDDEN[schema] & line.keys()
    if schema == "ecs":
        assert list(lines[0])[:3] == ["@timestamp", "log.level", "message"]
    check(lines[0], REQUEST[schema])
    check(lines[1], FAILURE[schema])
    check(lines[2], REFUSAL[schema])


def test_an_applications_field_with_a_name_of_the_store_is_kept_beside_it(
    written: tuple[str, list[dict[str, Any]]],
) -> None:
    """By keyword, `extra`, context and `add`; the head and the objects stay whole."""
    schema, lines = written
    values = {"message": "theirs", "status": "completed", "time": "noon"}
    values |= {"severity": "low", "error": "slow", "user": "jane", "url": "/x/"}
    values |= {"log": "yes"}
    for number, line in enumerate(lines[-4:]):
        check(line, EVERY[schema])
        assert not FORBIDDEN[schema] & line.keys()
        for name in RESERVED[schema]:
            if name != "message" or number != 1:  # `logging` refuses it in `extra`.
                assert line[f"{name}_"] == values[name]
        rest = values.keys() - RESERVED[schema] - {"message"}
        assert {name: line[name] for name in rest} == {n: values[n] for n in rest}
    level = {"gcp": "severity", "datadog": "status", "ecs": "log.level"}[schema]
    assert [line[level].lower() for line in lines[-4:]] == [*["error"] * 3, "info"]
    check(lines[-4], FAILURE[schema])


def test_a_repeated_query_is_named_in_request_task_and_connection(
    written: tuple[str, list[dict[str, Any]]],
) -> None:
    _, lines = written
    last = {line["message"]: line for line in lines if "db.repeated" in line}
    for event in ("request_completed", "task_completed", "ws_disconnected"):
        assert last[event]["db.queries"] == 6
        assert last[event]["db.repeated"] == 6
        assert last[event]["db.repeated_query"].startswith("SELECT")
        assert last[event]["db.repeated_at"].startswith("config/urls.py:")
        assert last[event]["db.duration_ms"] >= 0
    assert "task_started" not in last
    assert "ws_connected" not in last
