"""A connection has one context, and leaves lines for its start and its end."""

import asyncio
from typing import Any
from unittest.mock import patch

from asgiref.testing import ApplicationCommunicator
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from structlog.contextvars import bind_contextvars, get_contextvars

from ..labels import RESOURCES
from ..logging import get_logger
from ..websocket import TelemetryConsumerMixin
from .lines import LinesTestCase

log = get_logger("shop")

HEADER = b"x-request-id"


class AsyncEcho(TelemetryConsumerMixin, AsyncWebsocketConsumer):
    async def connect(self) -> None:
        bind_contextvars(shelf="top")
        if self.scope["path"] == "/close/":
            await self.close(4003)
        else:
            await self.accept()

    async def receive(self, text_data: Any = None, bytes_data: Any = None) -> None:
        log.info("receiving")
        if text_data == "break":
            raise ValueError("broken on purpose")
        await self.send(text_data)

    async def disconnect(self, code: int) -> None:
        await self.telemetry_disconnect(code)
        log.info("disconnecting")


class SyncEcho(TelemetryConsumerMixin, WebsocketConsumer):
    def connect(self) -> None:
        bind_contextvars(shelf="top")
        if self.scope["path"] == "/close/":
            self.close(4003)
        else:
            self.accept()

    def receive(self, text_data: Any = None, bytes_data: Any = None) -> None:
        log.info("receiving")
        if text_data == "break":
            raise ValueError("broken on purpose")
        self.send(text_data)

    def disconnect(self, code: int) -> None:
        self.telemetry_disconnect(code)
        log.info("disconnecting")


def connect(consumer: Any, path: str, request_id: str = "r-1") -> Any:
    scope = {"type": "websocket", "path": path, "query_string": b"token=t0ps3cret"}
    scope["headers"] = [(HEADER, request_id.encode())]
    client: Any = ApplicationCommunicator
    return client(consumer.as_asgi(), scope)


async def talk(client: Any, *texts: str) -> None:
    """Connect, send each text and wait for an answer, disconnect."""
    await client.send_input({"type": "websocket.connect"})
    await client.receive_output()
    for text in texts:
        await client.send_input({"type": "websocket.receive", "text": text})
        await client.receive_output()
    await client.send_input({"type": "websocket.disconnect", "code": 4000})
    await client.wait()


class ConnectionTests(LinesTestCase):
    async def test_lines_of_a_connection(self) -> None:
        for consumer in (AsyncEcho, SyncEcho):
            with (
                self.subTest(consumer.__name__),
                patch.dict(RESOURCES, {"gadgets": "gadget"}),
            ):
                before = len(self.output.lines)
                await talk(connect(consumer, "/ws/gadgets/5/"), "one", "two")
                lines = self.output.lines[before:]
                assert [line["event"] for line in lines] == [
                    "ws_connected",
                    "receiving",
                    "receiving",
                    "disconnecting",
                    "ws_disconnected",
                ]
                for line in lines:
                    assert line["request.id"] == "r-1"
                    assert line["labels"] == ["gadget"]
                    assert line["gadget.id"] == 5
                assert len({line["ws.conn_id"] for line in lines}) == 1
                assert lines[-1]["close_code"] == 4000
                assert lines[-1]["messages_in"] == lines[-1]["messages_out"] == 2
                assert lines[-1]["shelf"] == "top"
                assert isinstance(lines[-1]["duration_ms"], float)
        assert "t0ps3cret" not in self.output.text
        self.assertEqual(get_contextvars(), {})

    async def test_refused_handshake_is_logged_as_rejected(self) -> None:
        for consumer in (AsyncEcho, SyncEcho):
            with self.subTest(consumer.__name__):
                await talk(connect(consumer, "/close/"))
                line = self.output.named("ws_rejected")[-1]
                assert line["level"] == "warning"
        assert self.output.named("ws_connected") == []

    async def test_handler_that_raises_is_logged_with_its_traceback(self) -> None:
        for consumer in (AsyncEcho, SyncEcho):
            with self.subTest(consumer.__name__), self.assertRaises(ValueError):
                await talk(connect(consumer, "/"), "break")
            line = self.output.lines[-1]
            assert (line["event"], line["level"]) == ("ws_failed", "error")
            assert "ValueError" in line["exception"]

    async def test_connections_at_once_do_not_mix(self) -> None:
        clients = [connect(AsyncEcho, f"/{name}/", name) for name in "abc"]
        await asyncio.gather(*(talk(client, "x", "y") for client in clients))
        lines = self.output.named("ws_disconnected")
        assert len(lines) == 3
        for line in lines:
            assert line["ws.path"] == f"/{line['request.id']}/"
