"""What a connection knows, and that nobody else's connection knows it."""

import asyncio
import os
from typing import Any
from unittest.mock import patch

from channels.auth import UserLazyObject
from channels.layers import get_channel_layer
from structlog.contextvars import get_contextvars

from .. import fields
from ..labels import RESOURCES
from .lines import LinesTestCase, environ
from .websocket import AsyncEcho, SyncEcho, in_memory, socket, talk

HEADER = b"x-request-id"


class Member:
    is_authenticated = True
    pk = 7


class Keeping(AsyncEcho):
    """Shows what the mixin gives to a consumer."""

    async def receive(self, text_data: Any = "", bytes_data: Any = "") -> None:
        await self.send(f"{self.ws_conn_id} {self.ws_labels}")


@in_memory
class ContextTests(LinesTestCase):
    async def test_request_id_comes_with_the_handshake(self) -> None:
        for path, headers, expected in [
            ("/", [(HEADER, b"r-1")], r"r-1"),
            ("/?request_id=r-2", [], r"r-2"),
            ("/?a=1&request_id=r-2", [(HEADER, b"r-1")], r"r-1"),
            ("/", [], r"[0-9a-f-]{36}"),
            ("/", [(HEADER, b"no spaces")], r"[0-9a-f-]{36}"),
            ("/?request_id=%0A", [], r"[0-9a-f-]{36}"),
        ]:
            with self.subTest(path=path, headers=headers):
                await talk(AsyncEcho, path, headers=headers)
                line = self.output.lines[-1]
                self.assertRegex(line["request.id"], rf"\A{expected}\Z")

    async def test_request_id_may_be_distrusted(self) -> None:
        with environ(TELEMETRY_TRUST_REQUEST_ID="false"):
            await talk(AsyncEcho, "/", headers=[(HEADER, b"r-1")])
        self.assertNotIn("r-1", self.output.text)

    async def test_request_id_is_trusted_by_the_address_of_the_client(self) -> None:
        def from_proxy(address: str | None) -> bool:
            return address == "10.0.0.1"

        for client, expected in [
            (["10.0.0.1", 5000], True),
            (["192.0.2.1", 5000], False),
            (None, False),
        ]:
            with (
                self.subTest(client=client),
                patch.object(fields, "trusts_request_id", from_proxy),
            ):
                connection = socket(AsyncEcho, "/", [(HEADER, b"r-1")])
                connection.scope["client"] = client
                await connection.connect()
                await connection.disconnect()
                line = self.output.lines[-1]
                self.assertEqual(line["request.id"] == "r-1", expected)

    async def test_user_is_taken_from_the_scope(self) -> None:
        for user, expected in [(Member(), 7), (object(), None), (None, None)]:
            with self.subTest(user=user):
                client = socket(AsyncEcho, "/")
                client.scope["user"] = user
                await client.connect()
                await client.disconnect()
                line = self.output.named("ws_connected")[-1]
                self.assertEqual(line.get("user.id"), expected)

    async def test_user_that_nobody_has_asked_for_is_not_loaded(self) -> None:
        lazy = UserLazyObject()
        client = socket(AsyncEcho, "/")
        client.scope["user"] = lazy
        await client.connect()
        lazy._wrapped = Member()
        await client.disconnect()
        [connected] = self.output.named("ws_connected")
        [disconnected] = self.output.named("ws_disconnected")
        self.assertNotIn("user.id", connected)
        self.assertEqual(disconnected["user.id"], 7)

    async def test_consumer_has_id_and_labels(self) -> None:
        with patch.dict(RESOURCES, {"gadgets": "gadget"}):
            client = socket(Keeping, "/ws/gadgets/5/")
            await client.connect()
            await client.send_to("?")
            answer = await client.receive_from()
            await client.disconnect()
        line = self.output.lines[-1]
        labels = {"labels": ["gadget"], "gadget.id": 5}
        self.assertEqual(answer, f"{line['ws.conn_id']} {labels}")

    async def test_connections_at_once_do_not_mix(self) -> None:
        for consumer in (AsyncEcho, SyncEcho):
            with self.subTest(consumer.__name__):
                clients = []
                for name in ("first", "second", "third"):
                    headers = [(HEADER, name.encode())]
                    clients.append(socket(consumer, f"/{name}/", headers))
                await asyncio.gather(*(client.connect() for client in clients))
                for client in [*clients, *reversed(clients)]:
                    await client.send_to("x")
                    await client.receive_from()
                for client in clients:
                    await client.disconnect()
                for line in self.output.named("ws_disconnected"):
                    self.assertIn(line["request.id"], line["ws.path"])
                for event in ("connecting", "receiving", "disconnecting"):
                    lines = self.output.named(event)
                    ids = {line["request.id"] for line in lines}
                    self.assertEqual(len(ids), 3)
        self.assertEqual(get_contextvars(), {})

    async def test_handler_of_the_channel_layer_has_context(self) -> None:
        class Grouped(AsyncEcho):
            groups = ["everybody"]

        client = socket(Grouped, "/", [(HEADER, b"r-3")])
        await client.connect()
        layer = get_channel_layer()
        assert layer is not None
        await layer.group_send("everybody", {"type": "greet"})
        self.assertEqual(await client.receive_from(), "hello")
        await client.disconnect()
        [line] = self.output.named("greeting")
        self.assertEqual(line["request.id"], "r-3")

    async def test_end_by_the_server_tells_its_code(self) -> None:
        client = socket(AsyncEcho, "/")
        await client.connect()
        await client.send_to("close")
        await client.receive_output()
        await client.send_input({"type": "websocket.disconnect", "code": 4001})
        await client.wait()
        [line] = self.output.named("ws_disconnected")
        self.assertEqual(line["close_code"], 4001)

    async def test_cancelled_connection_has_an_end(self) -> None:
        client = socket(AsyncEcho, "/")
        await client.connect()
        client.future.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await client.future
        [line] = self.output.named("ws_disconnected")
        self.assertEqual(line["close_code"], 1006)
        self.assertEqual(self.output.named("ws_failed"), [])

    async def test_environment_is_read_once(self) -> None:
        await talk(AsyncEcho, "/")
        with patch.dict(os.environ, TELEMETRY_ENABLED="false"):
            await talk(AsyncEcho, "/")
        self.assertEqual(len(self.output.named("ws_disconnected")), 2)

    async def test_off_switch_leaves_the_connection_alone(self) -> None:
        with environ(TELEMETRY_ENABLED="false"):
            await talk(AsyncEcho, "/", "x")
        names = [line["event"] for line in self.output.lines]
        self.assertEqual(names, ["connecting", "receiving", "disconnecting"])
