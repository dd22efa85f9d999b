"""A connection has one context, and leaves lines for its start and its end."""

import asyncio
import logging
from typing import Any
from unittest.mock import patch

from asgiref.testing import ApplicationCommunicator
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from structlog.contextvars import bind_contextvars, get_contextvars

from .. import fields
from ..labels import RESOURCES
from ..logging import get_logger
from ..websocket import TelemetryConsumerMixin
from .lines import Line, LinesTestCase, captured

log = get_logger("shop")


class AsyncEcho(TelemetryConsumerMixin, AsyncWebsocketConsumer):
    channel_layer_alias = ""  # None, so that the project's is not used.

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
    channel_layer_alias = ""

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
    header = fields.HEADER.lower().encode(), request_id.encode()
    scope = {
        "type": "websocket",
        "path": path,
        "query_string": b"token=t0ps3cret",
        "headers": [header],
    }
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


def events(lines: list[Line]) -> list[Any]:
    return [line["event"] for line in lines]


class ConnectionTests(LinesTestCase):
    async def test_lines_of_a_connection(self) -> None:
        for consumer in (AsyncEcho, SyncEcho):
            with (
                self.subTest(consumer.__name__),
                patch.dict(RESOURCES, {"gadgets": "gadget"}),
                captured() as output,
            ):
                await talk(connect(consumer, "/ws/gadgets/5/"), "one", "two")
                self.assertEqual(
                    events(output.lines),
                    [
                        "ws_connected",
                        "receiving",
                        "receiving",
                        "disconnecting",
                        "ws_disconnected",
                    ],
                )
                for line in output.lines:
                    self.assertEqual(line["request.id"], "r-1")
                    self.assertEqual(line["gadget.id"], 5)
                self.assertEqual(len({line["ws.conn_id"] for line in output.lines}), 1)
                last = output.lines[-1]
                self.assertEqual(last["close_code"], 4000)
                self.assertEqual(last["messages_in"], 2)
                self.assertEqual(last["messages_out"], 2)
                self.assertEqual(last["shelf"], "top")
                self.assertIsInstance(last["duration_ms"], float)
                self.assertNotIn("t0ps3cret", output.text)
        self.assertEqual(get_contextvars(), {})

    async def test_each_message_has_a_line_at_debug(self) -> None:
        with captured(level=logging.DEBUG) as output:
            await talk(connect(AsyncEcho, "/"), "t0ps3cret", "two")
        self.assertEqual(events(output.lines).count("ws_received"), 2)
        self.assertNotIn("t0ps3cret", output.text)

    async def test_refused_handshake_is_logged_as_rejected(self) -> None:
        for consumer in (AsyncEcho, SyncEcho):
            with self.subTest(consumer.__name__):
                await talk(connect(consumer, "/close/"))
                line = self.output.named("ws_rejected")[-1]
                self.assertEqual(line["level"], "warning")
        self.assertEqual(self.output.named("ws_connected"), [])

    async def test_handler_that_raises_is_logged_with_its_traceback(self) -> None:
        for consumer in (AsyncEcho, SyncEcho):
            with self.subTest(consumer.__name__):
                with self.assertRaises(ValueError):
                    await talk(connect(consumer, "/"), "break")
                line = self.output.lines[-1]
                self.assertEqual(line["event"], "ws_failed")
                self.assertEqual(line["level"], "error")
                self.assertIn("ValueError: broken on purpose", line["exception"])

    async def test_connections_at_once_do_not_mix(self) -> None:
        clients = [connect(AsyncEcho, f"/{name}/", name) for name in "abc"]
        await asyncio.gather(*(talk(client, "x", "y") for client in clients))
        lines = self.output.named("ws_disconnected")
        self.assertEqual(len(lines), 3)
        for line in lines:
            self.assertEqual(line["ws.path"], f"/{line['request.id']}/")
