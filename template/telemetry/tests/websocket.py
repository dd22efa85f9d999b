"""Consumers of each kind, and a client that talks to them."""

from typing import Any

from channels.exceptions import DenyConnection
from channels.generic.websocket import (
    AsyncJsonWebsocketConsumer,
    AsyncWebsocketConsumer,
    JsonWebsocketConsumer,
    WebsocketConsumer,
)
from channels.testing import WebsocketCommunicator
from django.test import override_settings
from structlog.contextvars import bind_contextvars

from ..logging import get_logger
from ..websocket import TelemetryConsumerMixin

log = get_logger("shop")

Headers = list[tuple[bytes, bytes]]


class AsyncEcho(TelemetryConsumerMixin, AsyncWebsocketConsumer):
    async def connect(self) -> None:
        log.info("connecting")
        bind_contextvars(shelf="top")
        if self.scope["path"] == "/close/":
            await self.close(4003)
        elif self.scope["path"] == "/deny/":
            raise DenyConnection
        elif self.scope["path"] == "/break/":
            raise ValueError("broken on purpose")
        else:
            await self.accept()

    async def receive(
        self,
        text_data: Any = None,
        bytes_data: Any = None,
    ) -> None:
        log.info("receiving")
        if text_data == "break":
            raise ValueError("broken on purpose")
        if text_data == "close":
            await self.close(4001)
        else:
            await self.send(text_data)

    async def greet(self, message: Any) -> None:
        log.info("greeting")
        await self.send("hello")

    async def disconnect(self, code: int) -> None:
        log.info("disconnecting")


class SyncEcho(TelemetryConsumerMixin, WebsocketConsumer):
    def connect(self) -> None:
        log.info("connecting")
        bind_contextvars(shelf="top")
        if self.scope["path"] == "/close/":
            self.close(4003)
        elif self.scope["path"] == "/deny/":
            raise DenyConnection
        elif self.scope["path"] == "/break/":
            raise ValueError("broken on purpose")
        else:
            self.accept()

    def receive(self, text_data: Any = None, bytes_data: Any = None) -> None:
        log.info("receiving")
        if text_data == "break":
            raise ValueError("broken on purpose")
        if text_data == "close":
            self.close(4001)
        else:
            self.send(text_data)

    def greet(self, message: Any) -> None:
        log.info("greeting")
        self.send("hello")

    def disconnect(self, code: int) -> None:
        log.info("disconnecting")


class AsyncExplicit(TelemetryConsumerMixin, AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        await self.telemetry_connect()
        await self.accept()

    async def receive_json(self, content: Any, **_: Any) -> None:
        await self.telemetry_receive(content)
        await self.send_json(content)

    async def disconnect(self, code: int) -> None:
        await self.telemetry_disconnect(code)


class SyncExplicit(JsonWebsocketConsumer, TelemetryConsumerMixin):
    def connect(self) -> None:
        self.telemetry_connect()
        self.accept()

    def receive_json(self, content: Any, **_: Any) -> None:
        self.telemetry_receive(content)
        self.send_json(content)

    def disconnect(self, code: int) -> None:
        self.telemetry_disconnect(code)


class OwnDispatch(AsyncEcho):
    async def dispatch(self, message: Any) -> None:
        await super().dispatch(message)

    async def websocket_connect(self, message: Any) -> None:
        await super().websocket_connect(message)


def socket(consumer: Any, path: str, headers: Headers | None = None) -> Any:
    return WebsocketCommunicator(consumer.as_asgi(), path, headers)


async def talk(
    consumer: Any,
    path: str,
    *texts: str,
    headers: Headers | None = None,
) -> None:
    """Connect, send each text and wait for an answer, disconnect."""
    client = socket(consumer, path, headers)
    await client.connect()
    for text in texts:
        await client.send_to(text)
        await client.receive_from()
    await client.disconnect(4000)


in_memory = override_settings(
    CHANNEL_LAYERS={
        "default": {"BACKEND": "channels.layers.InMemoryChannelLayer"},
    },
)
