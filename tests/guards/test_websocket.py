"""A connection has one context, and leaves lines for its start and its end."""

import logging
from typing import Any
from unittest.mock import patch

from asgiref.sync import async_to_sync
from structlog.contextvars import get_contextvars

from ..labels import RESOURCES
from .lines import Line, LinesTestCase, Output, captured
from .websocket import (
    AsyncEcho,
    AsyncExplicit,
    OwnDispatch,
    SyncEcho,
    SyncExplicit,
    in_memory,
    socket,
    talk,
)


def ours(output: Output) -> list[Line]:
    """The lines that a connection leaves by itself."""
    return [line for line in output.lines if line["event"].startswith("ws_")]


def names(lines: list[Line]) -> list[Any]:
    return [line["event"] for line in lines]


@in_memory
class ConnectionTests(LinesTestCase):
    consumers = (AsyncEcho, SyncEcho, OwnDispatch)

    def test_lines_of_a_connection(self) -> None:
        for consumer in self.consumers:
            with self.subTest(consumer.__name__), captured() as output:
                async_to_sync(talk)(consumer, "/live/", "one", "two")
                self.assertEqual(
                    names(output.lines),
                    [
                        "connecting",
                        "ws_connected",
                        "receiving",
                        "receiving",
                        "disconnecting",
                        "ws_disconnected",
                    ],
                )
                line = output.lines[-1]
                self.assertEqual(line["close_code"], 4000)
                self.assertEqual(line["messages_in"], 2)
                self.assertEqual(line["messages_out"], 2)
                self.assertEqual(line["ws.path"], "/live/")
                self.assertEqual(line["shelf"], "top")
                self.assertIsInstance(line["duration_ms"], float)

    def test_context_is_in_every_line(self) -> None:
        headers = [(b"x-request-id", b"r-1")]
        for consumer in self.consumers:
            with (
                self.subTest(consumer.__name__),
                patch.dict(RESOURCES, {"gadgets": "gadget"}),
                captured() as output,
            ):
                path = "/ws/gadgets/5/?password=t0ps3cret"
                async_to_sync(talk)(consumer, path, "x", headers=headers)
                for line in output.lines:
                    self.assertEqual(line["request.id"], "r-1")
                    self.assertEqual(line["labels"], ["gadget"])
                    self.assertEqual(line["gadget.id"], 5)
                ids = {line["ws.conn_id"] for line in output.lines}
                self.assertEqual(len(ids), 1)
                self.assertNotIn("t0ps3cret", output.text)
                self.assertEqual(get_contextvars(), {})

    def test_refused_handshake_is_logged_as_rejected(self) -> None:
        for consumer in self.consumers:
            for refusal in ("close", "deny"):
                name = f"{consumer.__name__} {refusal}"
                with self.subTest(name), captured() as output:
                    async_to_sync(talk)(consumer, f"/{refusal}/")
                    [line] = ours(output)
                    self.assertEqual(line["event"], "ws_rejected")
                    self.assertEqual(line["level"], "warning")

    def test_handler_that_raises_is_logged_with_its_traceback(self) -> None:
        async def run(consumer: Any, path: str) -> None:
            client = socket(consumer, path)
            if path == "/live/":
                await client.connect()
                await client.send_to("break")
            else:
                await client.send_input({"type": "websocket.connect"})
            with self.assertRaises(ValueError):
                await client.wait()

        for consumer in self.consumers:
            for path, expected in [
                ("/live/", ["ws_connected", "ws_failed"]),
                ("/break/", ["ws_failed", "ws_rejected"]),
            ]:
                name = f"{consumer.__name__} {path}"
                with self.subTest(name), captured() as output:
                    async_to_sync(run)(consumer, path)
                    self.assertEqual(names(ours(output)), expected)
                    [failed] = output.named("ws_failed")
                    self.assertIn("ValueError", failed["exception"])
                    self.assertEqual(failed["level"], "error")
                    self.assertEqual(failed["error.type"], "ValueError")

    def test_explicit_calls_add_nothing(self) -> None:
        for consumer in (AsyncExplicit, SyncExplicit):
            with (
                self.subTest(consumer.__name__),
                captured(level=logging.DEBUG) as output,
            ):
                async_to_sync(talk)(consumer, "/live/", '"t0ps3cret"')
                self.assertEqual(
                    names(ours(output)),
                    ["ws_connected", "ws_received", "ws_disconnected"],
                )
                self.assertNotIn("t0ps3cret", output.text)
