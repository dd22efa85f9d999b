"""The consumer mixin: one context and a few lines for each connection."""

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack
from typing import Any
from urllib.parse import parse_qs

from channels.consumer import AsyncConsumer

from . import fields
from .internals.environment import environment
from .internals.mistakes import fields_from, trust_from
from .internals.record import get_logger
from .internals.scope import Scope, request_id_from
from .internals.users import line_fields_of
from .labels import extract_labels

log = get_logger("telemetry.websocket")

# A browser sets no headers on a WebSocket; a page can pass its id in the URL.
QUERY_PARAMETER = "request_id"

# Close codes of RFC 6455: no close frame, a frame without a code, the default.
ABNORMAL_CLOSURE = 1006
NO_STATUS = 1005
NORMAL_CLOSURE = 1000

# Entered around each event that a consumer handles.
Wrapper = Callable[[Any, dict[str, Any]], AbstractContextManager[None]]
WRAPPERS: list[Wrapper] = []

_REPORTED = "telemetry_reported"


class TelemetryConsumerMixin(AsyncConsumer):
    """Works by being listed first, for async and sync consumers alike.

    class Draft(TelemetryConsumerMixin, AsyncJsonWebsocketConsumer): ...
    """

    ws_conn_id: str
    ws_labels: dict[str, Any]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run the connection, which is one task of the event loop."""
        self.ws_conn_id = request_id_from(None, is_trusted=False)
        self.ws_labels = extract_labels(scope.get("path", ""))
        if scope["type"] != "websocket" or not environment().enabled:
            await super().__call__(scope, receive, send)
            return
        address = (scope.get("client") or [None])[0]
        is_trusted = trust_from({}, fields.trusts_request_id, address)
        request_id = _request_id(scope, trust=is_trusted)
        context: dict[str, Any] = {"request.id": request_id, "user.id": None}
        fields_from(
            context, fields.connection_fields, scope, request_id, self.ws_conn_id
        )
        context["ws.conn_id"] = self.ws_conn_id
        connection = _Connection(scope, receive, send, context)
        try:
            await super().__call__(scope, connection.receive, connection.send)
        except Exception as error:
            connection.fail(error)
            raise
        finally:
            connection.exit()

    async def dispatch(self, message: dict[str, Any]) -> None:
        with ExitStack() as stack:
            for wrapper in WRAPPERS:
                stack.enter_context(wrapper(self, message))
            await super().dispatch(message)

    def telemetry_connect(self) -> "_Done":
        """Do nothing: the first line comes when the connection is accepted."""
        return _Done()

    def telemetry_receive(self, *_: object, **__: object) -> "_Done":
        """Log at debug that a message came, without its content."""
        log.debug("ws_received")
        return _Done()

    def telemetry_disconnect(self, code: int | None = None) -> "_Done":
        """Do nothing: the last line comes when your `disconnect` has ended."""
        return _Done()


class _Done:
    """What an async consumer may await, and a sync one may ignore."""

    def __await__(self) -> Generator[Any, Any, None]:
        return
        yield


class _Connection:
    """One connection: its context, its counts, and how it began and ended."""

    def __init__(
        self, scope: Any, receive: Any, send: Any, context: dict[str, Any]
    ) -> None:
        self._asgi = scope
        self._receive, self._send = receive, send
        self._started = time.perf_counter()
        self._messages_in = self._messages_out = 0
        self._accepted = self._rejected = self._failed = False
        self._close_code = ABNORMAL_CLOSURE
        self._scope = Scope(context, self._line_fields)

    def _line_fields(self) -> dict[str, Any]:
        line = line_fields_of(self._asgi)
        fields_from(line, fields.connection_line_fields, self._asgi)
        return line

    async def receive(self) -> Any:
        message = await self._receive()
        if message["type"] == "websocket.receive":
            self._messages_in += 1
        elif message["type"] == "websocket.disconnect":
            self._close_code = message.get("code", NO_STATUS)
        return message

    async def send(self, message: Any) -> None:
        await self._send(message)
        if message["type"] == "websocket.send":
            self._messages_out += 1
        elif message["type"] == "websocket.accept":
            self._accepted = True
            self._write("ws_connected", {})
        elif not self._accepted:
            self._reject(message)
        elif message["type"] == "websocket.close":
            self._close_code = message.get("code", NORMAL_CLOSURE)

    def fail(self, error: Exception) -> None:
        """Log what a handler raised."""
        self._failed = True
        setattr(error, _REPORTED, True)
        self._write("ws_failed", {**self._ending(), "exc_info": error})

    def exit(self) -> None:
        """Log how the connection ended, and leave the context as it was."""
        if self._failed and not self._accepted:
            self._reject({})
        elif not self._failed and not self._rejected:
            code = {"close_code": self._close_code}
            self._write("ws_disconnected", {**code, **self._ending()})
        self._scope.exit()

    def _reject(self, message: dict[str, Any]) -> None:
        if not self._rejected:
            self._rejected = True
            code = {"close_code": message["code"]} if "code" in message else {}
            self._write("ws_rejected", code)

    def _write(self, event: str, more: dict[str, Any]) -> None:
        level = fields.connection_level(self._asgi, event)
        if level is not None:
            own = fields.connection_event_fields(self._asgi, event, None)
            log.log(level, event, **{**own, **more})

    def _ending(self) -> dict[str, Any]:
        seconds = time.perf_counter() - self._started
        return {
            "duration_ms": round(seconds * 1000, 2),
            "messages_in": self._messages_in,
            "messages_out": self._messages_out,
            **self._scope.last_fields(),
        }


def _request_id(scope: Any, *, trust: bool) -> str:
    """Return the id in the handshake's header, or its URL, or a new one."""
    headers = dict(scope.get("headers", ()))
    header = headers.get(fields.HEADER.lower().encode())
    if header is not None:
        return request_id_from(header.decode("latin-1"), is_trusted=trust)
    # Python 3.11 parses no bytes beyond ASCII, which clients may send.
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return request_id_from(query.get(QUERY_PARAMETER, [""])[0], is_trusted=trust)
