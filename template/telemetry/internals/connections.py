"""One connection: its context, its counts, and the lines about it."""

import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from .. import fields
from .filters import replay, run_being_logged
from .mistakes import fields_from, level_from, trust_from
from .record import get_logger
from .scope import Scope, current_scope, request_id_from
from .servers import take_over_servers
from .sockets import SocketFilter, answering_run, failed_runs
from .users import user_fields_of

log = get_logger("telemetry.websocket")

# A browser sets no headers on a WebSocket; a page can pass its id in the URL.
QUERY_PARAMETER = "request_id"

# For servers that configure logging after Django, because a handshake sends no
# `request_started`.
_take_over_servers_once = cache(take_over_servers)

# Close codes of RFC 6455: no close frame, a frame without a code, the default.
ABNORMAL_CLOSURE = 1006
NO_STATUS = 1005
NORMAL_CLOSURE = 1000

# Entered around each event that a consumer handles, with consumer and message.
WRAPPERS: list[Callable[[Any, Any], AbstractContextManager[None]]] = []
# Called when a connection is "accepted" and "ended", a message "received" and
# "sent", with ASGI's scope and that word.
OBSERVERS: list[Callable[[Any, str], None]] = []


class ConnectionRun:
    """Opened with the handshake; writes the lines when something happens.

    `receive` and `send` replace ASGI's.
    """

    def __init__(
        self,
        asgi_scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
        connection_id: str,
    ) -> None:
        _take_over_servers_once()
        # What the consumer raised, and records of the server about the handshake.
        self.error: Exception | None = None
        self.records: list[logging.LogRecord] = []
        # Whether a handler has got the last line.
        self.is_written = False
        self._asgi_scope = asgi_scope
        self._receive, self._send = receive, send
        self._started = time.perf_counter()
        self._messages_in = self._messages_out = 0
        self._is_accepted = self._is_rejected = self._has_left = False
        # The code of the side that closed first.
        self._close_code: int | None = None
        context: dict[str, Any] = {}
        request_id = _request_id(context, asgi_scope)
        context |= {"request.id": request_id, "user.id": None}
        arguments = asgi_scope, request_id, connection_id
        fields_from(context, fields.connection_fields, *arguments)
        context.setdefault("ws.conn_id", connection_id)
        # Decided once, because it is needed for each message.
        level = level_from(context, fields.connection_level, asgi_scope, "ws_received")
        self._received_level = level
        self.scope = Scope(context, self._line_fields)

    async def receive(self) -> Any:
        message = await self._receive()
        if message["type"] == "websocket.receive":
            self._messages_in += 1
            self._observe("received")
            level = self._received_level
            if level is not None and log.isEnabledFor(level):
                self._write("ws_received", {}, message)
        elif message["type"] == "websocket.disconnect":
            self._has_left = True
            self._set_close_code(message.get("code", NO_STATUS))
        return message

    async def send(self, message: Any) -> None:
        try:
            if not self._is_accepted:
                await self._answer(message)
                return
            await self._send(message)
        except Exception as error:
            # ASGI: an OSError. `uvicorn --ws websockets` (0.54) raises RuntimeError.
            if isinstance(error, OSError) or self._has_left:
                self.scope.data[__name__] = error
            raise
        if message["type"] == "websocket.send":
            self._messages_out += 1
            self._observe("sent")
        elif message["type"] == "websocket.close":
            self._set_close_code(message.get("code", NORMAL_CLOSURE))

    def withhold(self, record: logging.LogRecord) -> None:
        """Keep a record of the server, in case the next line is not written."""
        if record not in self.records:
            self.records.append(record)

    def fail(self, error: Exception) -> None:
        """Log what a handler raised, unless the client has left."""
        if is_disconnect(error):
            return
        self.error = error
        if self._write("ws_failed", {**self._last_fields(), "exc_info": error}):
            failed_runs[id(error)] = self

    def exit(self) -> None:
        """Log how the connection ended, and leave the context as it was."""
        if self.error is None and not self._is_rejected:
            self._set_close_code(ABNORMAL_CLOSURE)
            code = self._close_code
            self._write("ws_disconnected", {"close_code": code, **self._last_fields()})
        elif not self._is_accepted:
            self._reject(None)
        if self._is_accepted:
            self._observe("ended")
        self.scope.exit()
        # Break cycles, so that the connection is freed without a collection.
        self.scope.line_fields = dict
        self.scope.data.pop(__name__, None)

    async def _answer(self, message: Any) -> None:
        """Accept or refuse the handshake, which servers log as well."""
        token = answering_run.set(self)
        try:
            await self._send(message)
        finally:
            answering_run.reset(token)
        if message["type"] == "websocket.accept":
            self._is_accepted = True
            self._observe("accepted")
            self._write("ws_connected", {})
        else:
            self._reject(message.get("code"))

    def _set_close_code(self, code: int) -> None:
        if self._close_code is None:
            self._close_code = code

    def _reject(self, close_code: int | None) -> None:
        if not self._is_rejected:
            self._is_rejected = True
            self._write("ws_rejected", {"close_code": close_code})

    def _write(self, event: str, outcome: dict[str, Any], message: Any = None) -> bool:
        """Log a line; return whether it replaces the server's records.

        It does if it is written, and if `fields.py` wants no line.
        """
        asgi_scope = self._asgi_scope
        line: dict[str, Any] = {}
        level = level_from(line, fields.connection_level, asgi_scope, event)
        self.is_written = level is None
        if level is not None:
            arguments = asgi_scope, event, message
            fields_from(line, fields.connection_event_fields, *arguments)
            line |= outcome
            token = run_being_logged.set(self)
            log.log(level, event, **{k: v for k, v in line.items() if v is not None})
            run_being_logged.reset(token)
        if not self.is_written:
            for record in self.records:
                replay(record, SocketFilter)
        self.records.clear()
        return self.is_written

    def _line_fields(self) -> dict[str, Any]:
        line = user_fields_of(self._asgi_scope)
        fields_from(line, fields.connection_line_fields, self._asgi_scope)
        return line

    def _last_fields(self) -> dict[str, Any]:
        seconds = time.perf_counter() - self._started
        return {
            "duration_ms": round(seconds * 1000, 2),
            "messages_in": self._messages_in,
            "messages_out": self._messages_out,
            **self.scope.last_fields(),
        }

    def _observe(self, event: str) -> None:
        for observer in OBSERVERS:
            observer(self._asgi_scope, event)


def is_disconnect(error: BaseException) -> bool:
    """Return True if the server's `send` raised this because the client has left."""
    scope = current_scope()
    return scope is not None and scope.data.get(__name__) is error


def _request_id(context: dict[str, Any], asgi_scope: Any) -> str:
    """Return the id in the handshake's header, or its URL, or a new one."""
    header = dict(asgi_scope.get("headers", ())).get(fields.HEADER.lower().encode())
    if header is None:
        # As text, because Python 3.11 parses no bytes beyond ASCII.
        query = parse_qs(asgi_scope.get("query_string", b"").decode("latin-1"))
        value = query.get(QUERY_PARAMETER, [""])[0]
    else:
        value = header.decode("latin-1")
    client = asgi_scope.get("client")
    address = client[0] if client else None
    is_trusted = trust_from(context, fields.trusts_request_id, address)
    return request_id_from(value, is_trusted=is_trusted)
