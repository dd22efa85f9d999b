"""The consumer mixin: one context, and a few lines, for each WebSocket connection."""

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
    """Works by being listed first, for async and sync consumers alike:

    class DraftConsumer(TelemetryConsumerMixin, AsyncJsonWebsocketConsumer): ...
    """

    ws_conn_id: str
    ws_labels: dict[str, Any]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run the whole connection, which is one task of the event loop, in its context."""
        self.ws_conn_id = new_request_id()
        self.ws_labels = extract_labels(scope.get("path", ""))
        environment = load(os.environ)
        if scope["type"] != "websocket" or not environment.enabled:
            await super().__call__(scope, receive, send)
            return
        request_id = handshake_request_id(scope, trust=environment.trust_request_id)
        connection = Connection(scope, receive, send, request_id, self.ws_conn_id, self.ws_labels)
        try:
            await super().__call__(scope, connection.receive, connection.send)
        except Exception as error:
            connection.fail(error)
            raise
        finally:
            connection.exit()

    def telemetry_connect(self) -> "_Done":
        """Do nothing: the connection's first line comes when it is accepted."""
        return _Done()

    def telemetry_receive(self, *_: object, **__: object) -> "_Done":
        """Say, for debugging, that a message has come; never what is in it."""
        log.debug("ws_received")
        return _Done()

    def telemetry_disconnect(self, code: int | None = None) -> "_Done":
        """Do nothing: the connection's last line comes when your `disconnect` has ended."""
        return _Done()


class _Done:
    """What an async consumer may await, and a sync one may leave."""

    def __await__(self) -> Generator[Any, Any, None]:
        return
        yield
