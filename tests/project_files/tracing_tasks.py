"""Tasks and a consumer of a project that traces."""

import asyncio

import time
from typing import Any

import structlog
from celery import Celery
from celery.exceptions import Reject
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from django.http import HttpRequest, HttpResponse
from django.urls import path
from opentelemetry import baggage
from structlog.contextvars import bind_contextvars

from telemetry.celery import TelemetryTask
from telemetry.context import add
from telemetry.websocket import TelemetryConsumerMixin

log = structlog.get_logger("shop")
app = Celery("shop", task_cls=TelemetryTask)
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task(name="first")
def first(depth: int = 1) -> None:
    log.info("worked", depth=depth)
    add(rows=depth)
    if depth:
        first.delay(depth - 1)


@app.task(name="retried", bind=True, max_retries=1)
def retried(self: Any) -> None:
    if not self.request.retries:
        raise self.retry(countdown=0)


@app.task(name="rejected", bind=True, acks_late=True)
def rejected(self: Any) -> None:
    raise Reject("not now")


@app.task(name="expected", throws=(KeyError,))
def expected() -> None:
    raise KeyError("as expected")


@app.task(name="slow")
def slow() -> None:
    bind_contextvars(league="north")
    time.sleep(1)


@app.task(name="failing")
def failing() -> None:
    raise ValueError("no luck with token=" + "abc" + "123")


def send(request: HttpRequest, pk: int) -> HttpResponse:
    first.delay()
    return HttpResponse()


class Echo(TelemetryConsumerMixin, AsyncWebsocketConsumer):
    async def receive(self, text_data: str | None = None, **_: object) -> None:
        log.info("received")
        if text_data == "fail":
            raise ValueError("no luck with token=" + "abc" + "123")
        while text_data == "stream":
            await self.send("more")
            await asyncio.sleep(0.005)
        first.delay(0)
        await self.send(str(dict(baggage.get_all())))


class SyncEcho(TelemetryConsumerMixin, WebsocketConsumer):
    def receive(self, text_data: str | None = None, **_: object) -> None:
        log.info("received")
        self.send("done")


urlpatterns = [path("teams/<int:pk>/", send)]
websockets = [
    path("ws/teams/<int:pk>/", Echo.as_asgi()),
    path("ws/sync/<int:pk>/", SyncEcho.as_asgi()),
]
