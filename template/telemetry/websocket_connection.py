"""One WebSocket connection from its handshake to its last line."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from .context import Scope
from .logging import get_logger
from .request_id import HEADER, request_id_from
from .users import resolved_user, user_id
from .websocket_servers import mark_told

log = get_logger(f"{__package__}.websocket")

# A browser sets no headers on a WebSocket; a page can pass its id in the URL.
QUERY_PARAMETER = "request_id"

# RFC 6455: without a close frame; with a frame that has no code; by default.
ABNORMAL_CLOSURE = 1006
NO_STATUS = 1005
NORMAL_CLOSURE = 1000


def handshake_request_id(scope: Any, *, trust: bool) -> str:
    """Return the id in the handshake's header, or its URL, or a new one."""
    header = dict(scope["headers"]).get(HEADER.lower().encode())
    if header is not None:
        return request_id_from(header.decode("latin-1"), trust=trust)
    # Python 3.11 parses no bytes beyond ASCII, which clients may send.
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return request_id_from(query.get(QUERY_PARAMETER, [""])[0], trust=trust)


class Connection(Scope):
    """Holds the context, counts messages, says how it began and ended."""

    def __init__(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
        fields: dict[str, Any],
    ) -> None:
        self._asgi = scope
        self._receive = receive
        self._send = send
        self._given = fields
        self._started = time.perf_counter()
        self._messages_in = 0
        self._messages_out = 0
        self._accepted = False
        self._rejected = False
        self._failed = False
        self._close_code = ABNORMAL_CLOSURE
        self._user: Any = None
        super().__init__(fields)

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
            log.info("ws_connected", **self._path())
        elif not self._accepted:
            self._reject(message)
        elif message["type"] == "websocket.close":
            self._close_code = message.get("code", NORMAL_CLOSURE)

    def fail(self, error: Exception) -> None:
        """Say what a handler has raised."""
        self._failed = True
        mark_told(error)
        log.error("ws_failed", exc_info=error, **self._ending())

    def exit(self) -> None:
        """Say how the connection ended, and leave the context as it was."""
        if self._failed and not self._accepted:
            self._reject({})
        elif not self._failed and not self._rejected:
            log.info(
                "ws_disconnected",
                close_code=self._close_code,
                **self._ending(),
            )
        super().exit()

    def _reject(self, message: Mapping[str, Any]) -> None:
        if not self._rejected:
            self._rejected = True
            code = {"close_code": message["code"]} if "code" in message else {}
            log.warning("ws_rejected", **self._path(), **code)

    def _ending(self) -> dict[str, Any]:
        duration = time.perf_counter() - self._started
        return {
            **self._path(),
            "duration_ms": round(duration * 1000, 2),
            "messages_in": self._messages_in,
            "messages_out": self._messages_out,
        }

    def _path(self) -> dict[str, Any]:
        return {"ws.path": self._asgi["path"]}

    def refresh(self) -> None:
        """Take over the user of a middleware, of a login, or of a logout."""
        user = resolved_user(self._asgi)
        if user is self._user:
            return
        self._user = user
        identifier = user_id(user)
        request = {"request.id": self._given["request.id"]}
        found = {} if identifier is None else {"user.id": identifier}
        self.rebind("user.id", {**request, **found, **self._given})
