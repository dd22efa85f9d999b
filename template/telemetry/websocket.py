"""The consumer mixin: one context and a few lines for each connection."""

from collections.abc import Generator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

from channels.consumer import AsyncConsumer

from .internals.connections import WRAPPERS, ConnectionRun
from .internals.environment import environment
from .labels import extract_labels


class TelemetryConsumerMixin(AsyncConsumer):
    """Works by being listed first, for async and sync consumers alike.

    class Draft(TelemetryConsumerMixin, AsyncJsonWebsocketConsumer): ...
    """

    ws_conn_id: str
    ws_labels: dict[str, Any]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run the connection, which is one task of the event loop."""
        self.ws_conn_id = str(uuid4())
        self.ws_labels = extract_labels(scope.get("path", ""))
        if scope["type"] != "websocket" or not environment().enabled:
            await super().__call__(scope, receive, send)
            return
        run = ConnectionRun(scope, receive, send, self.ws_conn_id)
        try:
            await super().__call__(scope, run.receive, run.send)
        except Exception as error:
            run.fail(error)
            raise
        finally:
            run.exit()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle one ASGI event: the method to wrap for a span of each."""
        if not WRAPPERS:
            # An optimisation, because the stack costs more than all of the rest.
            await super().dispatch(message)
            return
        with ExitStack() as stack:
            for wrapper in WRAPPERS:
                stack.enter_context(wrapper(self, message))
            await super().dispatch(message)

    def telemetry_connect(self) -> "_Done":
        """Do nothing: `ws_connected` is logged when the connection is accepted."""
        return _Done()

    def telemetry_receive(self, *_: object, **__: object) -> "_Done":
        """Do nothing: `ws_received` is logged, at debug, for each message."""
        return _Done()

    def telemetry_disconnect(self, code: int | None = None) -> "_Done":
        """Do nothing: `ws_disconnected` is logged when `disconnect` has ended."""
        return _Done()


class _Done:
    """What an async consumer may await, and a sync one may ignore."""

    def __await__(self) -> Generator[Any, Any, None]:
        return
        yield
