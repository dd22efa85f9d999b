"""One WebSocket connection from its handshake to its last line."""

import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from .context import Scope
from .logging import get_logger
from .request_id import HEADER, request_id_from
from .users import resolved, user_id

log = get_logger(f"{__package__}.websocket")

# A browser sets no headers on a WebSocket, so a page hands on its id in the query string.
QUERY_PARAMETER = "request_id"

Message = dict[str, Any]


def handshake_request_id(scope: Any, *, trust: bool) -> str:
    """Return the id in the handshake's header, else in its query string, else a new one."""
    header = dict(scope["headers"]).get(HEADER.lower().encode())
    if header is None:
        header = parse_qs(scope.get("query_string", b"")).get(QUERY_PARAMETER.encode(), [b""])[0]
    return request_id_from(header.decode("latin-1"), trust=trust)


class Connection:
    """Holds the connection's context, counts its messages, and says how it began and ended."""

    def __init__(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
        request_id: str,
        conn_id: str,
        labels: dict[str, Any],
    ) -> None:
        self._asgi = scope
        self._receive = receive
        self._send = send
        self._request_id = {"request.id": request_id}
        self._fields = {**labels, "ws.conn_id": conn_id}
        self._started = time.perf_counter()
        self._messages_in = 0
        self._messages_out = 0
        self._accepted = False
        self._rejected = False
        self._failed = False
        self._close_code: int | None = None
        self._user: Any = None
        self._scope = Scope({**self._request_id, **self._fields}, self._refresh)

    async def receive(self) -> Message:
        message: Message = await self._receive()
        if message["type"] == "websocket.receive":
            self._messages_in += 1
        elif message["type"] == "websocket.disconnect":
            self._close_code = message.get("code", self._close_code)
        return message

    async def send(self, message: Message) -> None:
        await self._send(message)
        if message["type"] == "websocket.send":
            self._messages_out += 1
        elif message["type"] == "websocket.accept":
            self._accepted = True
            log.info("ws_connected", **self._path())
        elif not self._accepted:
            self._reject(message)
        elif message["type"] == "websocket.close":
            self._close_code = message.get("code", 1000)

    def fail(self, error: Exception) -> None:
        """Say what a handler has raised."""
        self._failed = True
        log.error("ws_failed", exc_info=error, **self._ending())

    def exit(self) -> None:
        """Say how the connection ended, and leave the context as it was."""
        if self._failed and not self._accepted:
            self._reject({})
        elif not self._failed and not self._rejected:
            log.info("ws_disconnected", **self._ending())
        self._scope.exit()

    def _reject(self, message: Message) -> None:
        if not self._rejected:
            self._rejected = True
            code = {"close_code": message["code"]} if "code" in message else {}
            log.warning("ws_rejected", **self._path(), **code)

    def _ending(self) -> dict[str, Any]:
        return {
            **self._path(),
            **({} if self._close_code is None else {"close_code": self._close_code}),
            "duration_ms": round((time.perf_counter() - self._started) * 1000, 2),
            "messages_in": self._messages_in,
            "messages_out": self._messages_out,
        }

    def _path(self) -> dict[str, Any]:
        return {"ws.path": self._asgi["path"]}

    def _refresh(self) -> None:
        """Take over the user whom a middleware has found, or the consumer has logged in or out."""
        user = resolved(self._asgi.get("user"))
        if user is self._user:
            return
        self._user = user
        try:
            identifier = user_id(user)
        except Exception:  # A user class of the project's own may do anything.
            return
        fields = {} if identifier is None else {"user.id": identifier}
        self._scope.rebind({**self._request_id, **fields, **self._fields})
