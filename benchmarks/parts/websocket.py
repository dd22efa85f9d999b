"""A WebSocket message, answered by a Channels consumer on an open connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..compare import compare
from ..project import start
from ..results import Result, Target

if TYPE_CHECKING:
    from ..environment import Environment

VARIANTS = {
    "bare": "bare Channels",
    "ours": "**telemetry**",
    "opentelemetry_contrib": "OpenTelemetry ASGI middleware at 10 %",
}

_SCOPE = {
    "type": "websocket",
    "path": "/ws/tournaments/5/",
    "query_string": b"",
    "headers": [(b"host", b"shop.example.com")],
    "server": ("shop.example.com", 80),
    "client": ("192.0.2.1", 5000),
    "scheme": "ws",
    "subprotocols": [],
}


def measure(environment: Environment) -> Result:
    return compare(
        environment,
        "websocket",
        "WebSocket message",
        VARIANTS,
        base="bare",
        targets=[Target(1 / 8, "opentelemetry_contrib")],
        notes={"opentelemetry_contrib": "spans instead"},
        rounds=300,
        processes=12,
    )


def make(variant: str) -> Callable[[int], object]:
    start(variant)
    application = consumer(variant)
    runner = asyncio.Runner()
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def connect() -> asyncio.Task[None]:
        messages.put_nowait({"type": "websocket.connect"})
        scope = dict(_SCOPE)
        task = asyncio.create_task(application(scope, messages.get, answers.put))
        await answers.get()
        return task

    async def converse(count: int) -> None:
        for _ in range(count):
            messages.put_nowait({"type": "websocket.receive", "text": "hello"})
            await answers.get()

    connection = runner.run(connect())

    def run(count: int) -> None:
        runner.run(converse(count))
        assert not connection.done()

    return run


def consumer(variant: str) -> Any:
    """Return the application of a consumer that answers each message."""
    from channels.generic.websocket import AsyncWebsocketConsumer

    class Consumer(AsyncWebsocketConsumer):
        async def receive(self, text_data: str = "", bytes_data: bytes = b"") -> None:
            await self.send(text_data="ok")

    application: Any = Consumer.as_asgi()
    if variant == "ours":
        from telemetry.websocket import TelemetryConsumerMixin

        application = type("Ours", (TelemetryConsumerMixin, Consumer), {}).as_asgi()
    elif variant == "opentelemetry_contrib":
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

        application = OpenTelemetryMiddleware(application)
    return application


async def connect_once(application: Any) -> None:
    """Connect, say one thing, and leave."""
    messages = iter(
        [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": "hello"},
            {"type": "websocket.disconnect", "code": 1000},
        ]
    )

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: dict[str, Any]) -> None:
        pass

    await application(dict(_SCOPE), receive, send)
