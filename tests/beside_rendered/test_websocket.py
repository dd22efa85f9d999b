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
