"""django-guid, and a middleware that writes one JSON line through `logging`."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from django.utils.decorators import sync_and_async_middleware

from . import stdlib_json

log = logging.getLogger("shop.requests")


def configure(settings: dict[str, Any]) -> None:
    logging_config: dict[str, Any] = copy.deepcopy(stdlib_json.LOGGING)
    logging_config["filters"] = {
        "guid": {"()": "django_guid.log_filters.CorrelationId"}
    }
    logging_config["handlers"]["stdout"]["filters"] = ["guid"]
    # Its own lines, two a request, are quiet: one line is what every peer writes.
    logging_config["loggers"] = {"django_guid": {"level": "WARNING"}}
    settings["LOGGING"] = logging_config
    settings["DJANGO_GUID"] = {
        "GUID_HEADER_NAME": "X-Request-ID",
        "VALIDATE_GUID": False,
    }
    settings["INSTALLED_APPS"].append("django_guid")
    settings["MIDDLEWARE"][:0] = [
        "django_guid.middleware.guid_middleware",
        "benchmarks.peers.django_guid_json.middleware",
    ]


@sync_and_async_middleware
def middleware(get_response: Callable[..., Any]) -> Callable[..., Any]:
    if iscoroutinefunction(get_response):

        async def serve_async(request: Any) -> Any:
            started = time.perf_counter()
            response = await get_response(request)
            _log(request, response, started)
            return response

        return serve_async

    def serve(request: Any) -> Any:
        started = time.perf_counter()
        response = get_response(request)
        _log(request, response, started)
        return response

    return serve


def _log(request: Any, response: Any, started: float) -> None:
    log.info(
        "request_completed",
        extra={
            "http.method": request.method,
            "http.route": request.path,
            "http.status_code": response.status_code,
            "duration_ms": round((time.perf_counter() - started) * 1000, 2),
        },
    )
