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
        notes={"opentelemetry_contrib": "spans instead", "ours": "lines at both ends"},
    )


def make(variant: str) -> Callable[[int], object]:
    start(variant)
    connect = connector(variant)
    runner = asyncio.Runner()
    return lambda count: runner.run(connect(count))


def connector(variant: str) -> Callable[[int], Any]:
    """Return a coroutine function: one connection with that many messages."""
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

    async def connect(count: int) -> None:
        messages = iter(_messages(count))

        async def receive() -> dict[str, Any]:
            return next(messages)

        await application(dict(_SCOPE), receive, _send)

    return connect


def _messages(count: int) -> list[dict[str, Any]]:
    return [
        {"type": "websocket.connect"},
        *[{"type": "websocket.receive", "text": "hello"}] * count,
        {"type": "websocket.disconnect", "code": 1000},
    ]


async def _send(message: dict[str, Any]) -> None:
    pass
