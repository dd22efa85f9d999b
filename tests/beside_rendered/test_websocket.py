"""A connection has one context, and leaves lines for its start and its end."""

import logging
from contextlib import suppress
from typing import Any
from unittest.mock import patch

from asgiref.sync import async_to_sync
from structlog.contextvars import get_contextvars

from .. import fields
from ..labels import RESOURCES
from .lines import Line, LinesTestCase, Output, captured
from .websocket import (
    AsyncEcho,
    AsyncExplicit,
    OwnDispatch,
    SyncEcho,
    SyncExplicit,
    in_memory,
    talk,
)


def ours(output: Output) -> list[Line]:
    """The lines that a connection leaves by itself."""
    return [line for line in output.lines if line["event"].startswith("ws_")]


def names(lines: list[Line]) -> list[Any]:
    return [line["event"] for line in lines]


async def run(awaitable: Any) -> None:
    """Run it as a server does, which goes on."""
    with suppress(Exception):
        await awaitable


@in_memory
class ConnectionTests(LinesTestCase):
    consumers = (AsyncEcho, SyncEcho, OwnDispatch)

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

    def test_client_that_leaves_while_the_server_sends_is_no_failure(self) -> None:
        """ASGI: the server's `send` raises an OSError then."""
        for consumer in self.consumers:
            with self.subTest(consumer.__name__):
                lines = ours(self.leave(consumer, ConnectionResetError()))
                self.assertEqual(names(lines), ["ws_connected", "ws_disconnected"])
                self.assertEqual(lines[-1]["close_code"], 1006)

    def test_sending_to_a_client_that_has_left_is_no_failure(self) -> None:
        class Late(AsyncEcho):
            async def disconnect(self, code: int) -> None:
                await self.send("bye")

        for error in (ConnectionResetError(), RuntimeError("closed"), None):
            with self.subTest(error=error):
                lines = ours(self.leave(Late, error, after=1))
                self.assertEqual(names(lines), ["ws_connected", "ws_disconnected"])
                self.assertEqual(lines[-1]["close_code"], 1001)

    def test_error_of_the_consumer_is_a_failure_after_the_client_left(self) -> None:
        class Broken(AsyncEcho):
            async def disconnect(self, code: int) -> None:
                raise OSError("broken on purpose")

        lines = ours(self.leave(Broken, None))
        self.assertEqual(names(lines), ["ws_connected", "ws_failed"])

    def leave(self, consumer: Any, error: Exception | None, after: int = 0) -> Output:
        """Let the server's `send` raise `error` after so many messages."""
        messages = [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": "x"},
            {"type": "websocket.disconnect", "code": 1001},
        ]
        sent = []

        async def receive() -> dict[str, Any]:
            return messages.pop(0)

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.send":
                if error and len(sent) >= after:
                    raise error
                sent.append(message)

        scope = {"type": "websocket", "path": "/", "headers": []}
        with captured() as output:
            async_to_sync(run)(consumer.as_asgi()(scope, receive, send))
        return output


@in_memory
class FieldsTests(LinesTestCase):
    """Edits of `fields.py`, right ones and mistakes."""

    def lines(self, level: int = logging.INFO, **functions: Any) -> list[Line]:
        """Return our lines of a connection with these functions in `fields.py`."""
        with captured(level=level) as output, patch.multiple(fields, **functions):
            async_to_sync(talk)(AsyncEcho, "/", "four")
        return ours(output)

    def test_size_of_a_message(self) -> None:
        def event_fields(scope: Any, event: str, message: Any) -> dict[str, Any]:
            return {"ws.size": fields.message_size(message)}

        lines = self.lines(logging.DEBUG, connection_event_fields=event_fields)
        sizes = [(line["event"], line.get("ws.size")) for line in lines]
        self.assertEqual(
            sizes,
            [("ws_connected", None), ("ws_received", 4), ("ws_disconnected", None)],
        )

    def test_size_is_in_bytes(self) -> None:
        for message, size in (
            ({"text": "zwölf"}, 6),
            ({"text": None, "bytes": b"\x00\x01"}, 2),
            ({"text": "", "bytes": None}, 0),
        ):
            with self.subTest(message=message):
                self.assertEqual(fields.message_size(message), size)

    def test_level_of_each_event(self) -> None:
        levels = {"ws_received": logging.INFO, "ws_connected": logging.WARNING}
        lines = self.lines(connection_level=lambda scope, event: levels.get(event))
        self.assertEqual(
            [(line["event"], line["level"]) for line in lines],
            [("ws_connected", "warning"), ("ws_received", "info")],
        )

    def test_fields_of_each_line_are_evaluated_anew(self) -> None:
        counts = iter(range(100))
        lines = self.lines(connection_line_fields=lambda scope: {"n": next(counts)})
        self.assertLess(lines[0]["n"], lines[1]["n"])

    def test_mistake_costs_its_own_fields(self) -> None:
        def mistaken(*_: Any) -> Any:
            raise KeyError("tenant")

        for name in (
            "connection_fields",
            "connection_line_fields",
            "connection_event_fields",
            "connection_level",
            "trusts_request_id",
        ):
            with self.subTest(name):
                lines = self.lines(**{name: mistaken})
                self.assertEqual(lines[0]["event"], "ws_connected")
                self.assertEqual(lines[-1]["event"], "ws_disconnected")
                for line in lines:
                    self.assertIn("KeyError: 'tenant'", line["telemetry.error"])
                    self.assertIn("request.id", line)
                    self.assertIn("ws.conn_id", line)
