"""Consumers of each kind, and a client that talks to them."""

from typing import Any

from asgiref.testing import ApplicationCommunicator
from channels.exceptions import DenyConnection
from channels.generic.websocket import (
    AsyncJsonWebsocketConsumer,
    AsyncWebsocketConsumer,
    JsonWebsocketConsumer,
    WebsocketConsumer,
)
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

    async def receive(self, text_data: Any = None, bytes_data: Any = None) -> None:
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


class Client(ApplicationCommunicator):
    """Channels has one of its own, which needs a server to be installed."""

    async def connect(self: Any) -> bool:
        """Shake hands, and return whether the consumer has accepted."""
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output()
        return bool(answer["type"] == "websocket.accept")

    async def send_to(self: Any, text: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": text})

    async def receive_from(self: Any) -> Any:
        return (await self.receive_output())["text"]

    async def disconnect(self: Any, code: int = 1000) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": code})
        await self.wait()


def socket(consumer: Any, url: str, headers: Headers | None = None) -> Any:
    path, _, query = url.partition("?")
    scope: dict[str, Any] = {
        "type": "websocket",
        "path": path,
        "query_string": query.encode(),
        "headers": headers or [],
        "subprotocols": [],
    }
    client: Any = Client
    return client(consumer.as_asgi(), scope)


async def talk(
    consumer: Any, path: str, *texts: str, headers: Headers | None = None
) -> None:
    """Connect, send each text and wait for an answer, disconnect."""
    client = socket(consumer, path, headers)
    await client.connect()
    for text in texts:
        await client.send_to(text)
        await client.receive_from()
    await client.disconnect(4000)


in_memory = override_settings(
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
)
