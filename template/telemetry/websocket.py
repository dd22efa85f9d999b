"""The consumer mixin: one context, and a few lines, for each connection."""

import os
from collections.abc import Generator
from typing import Any

from channels.consumer import AsyncConsumer

from .environment import load
from .labels import extract_labels
from .logging import get_logger
from .request_id import new_request_id
from .websocket_connection import Connection, handshake_request_id

log = get_logger(__name__)


class TelemetryConsumerMixin(AsyncConsumer):
    """Works by being listed first, for async and sync consumers alike.

    class Draft(TelemetryConsumerMixin, AsyncJsonWebsocketConsumer): ...
    """

    ws_conn_id: str
    ws_labels: dict[str, Any]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run the connection, which is one task of the event loop."""
        self.ws_conn_id = new_request_id()
        self.ws_labels = extract_labels(scope.get("path", ""))
        environment = load(os.environ)
        if scope["type"] != "websocket" or not environment.enabled:
            await super().__call__(scope, receive, send)
            return
        trust = environment.trust_request_id
        fields = {
            "request.id": handshake_request_id(scope, trust=trust),
            **self.ws_labels,
            "ws.conn_id": self.ws_conn_id,
        }
        connection = Connection(scope, receive, send, fields)
        try:
            await super().__call__(scope, connection.receive, connection.send)
        except Exception as error:
            connection.fail(error)
            raise
        finally:
            connection.exit()

    def telemetry_connect(self) -> "_Done":
        """Do nothing: the first line comes when the connection is accepted."""
        return _Done()

    def telemetry_receive(self, *_: object, **__: object) -> "_Done":
        """Say, for debugging, that a message has come; never what is in it."""
        log.debug("ws_received")
        return _Done()

    def telemetry_disconnect(self, code: int | None = None) -> "_Done":
        """Do nothing: the last line comes when your `disconnect` has ended."""
        return _Done()


class _Done:
    """What an async consumer may await, and a sync one may leave."""

    def __await__(self) -> Generator[Any, Any, None]:
        return
        yield
