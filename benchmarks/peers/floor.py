"""What a hand would write for one purpose: the fewest steps to the same line."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from inspect import iscoroutinefunction
from typing import Any

import orjson
from django.utils.decorators import sync_and_async_middleware

context: ContextVar[dict[str, Any]] = ContextVar("context")

_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z


def configure(settings: dict[str, Any]) -> None:
    settings["MIDDLEWARE"].insert(0, "benchmarks.peers.floor.middleware")


@sync_and_async_middleware
def middleware(get_response: Callable[..., Any]) -> Callable[..., Any]:
    """One ContextVar set and reset, a UUID, one `orjson.dumps`, one write."""
    if iscoroutinefunction(get_response):

        async def serve_async(request: Any) -> Any:
            started = time.perf_counter()
            token = context.set(new_fields())
            response = await get_response(request)
            write(request, response, started)
            context.reset(token)
            return response

        return serve_async

    def serve(request: Any) -> Any:
        started = time.perf_counter()
        token = context.set(new_fields())
        response = get_response(request)
        write(request, response, started)
        context.reset(token)
        return response

    return serve


def new_fields() -> dict[str, Any]:
    return {
        "request.id": str(uuid.uuid4()),
        "labels": ["tournament"],
        "tournament.id": 5,
    }


def write(request: Any, response: Any, started: float) -> None:
    line = {
        "timestamp": datetime.now(UTC),
        "level": "info",
        "logger": "telemetry.middleware",
        "event": "request_completed",
        "http.method": request.method,
        "http.route": request.path,
        "http.status_code": response.status_code,
        "duration_ms": round((time.perf_counter() - started) * 1000, 2),
        **context.get(),
    }
    os.write(1, orjson.dumps(line, option=_OPTIONS))


class Logger:
    """Clock, context, one dict, `orjson.dumps`, write."""

    def info(self, event: str, **fields: Any) -> None:
        line = {
            "timestamp": datetime.now(UTC),
            "level": "info",
            "logger": "shop.orders",
            "event": event,
            **fields,
            **context.get(),
        }
        os.write(1, orjson.dumps(line, option=_OPTIONS))


def get_logger() -> Logger:
    return Logger()
