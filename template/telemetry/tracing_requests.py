"""Requests as spans, and their metrics, by the semantic conventions."""

import asyncio
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware
from opentelemetry import metrics, propagate, trace
from opentelemetry.trace import SpanKind, StatusCode

from .fields import completion_fields, request_line_fields, route
from .logging import REQUEST_ATTRIBUTE

MIDDLEWARE = f"{__name__}.span_middleware"

# nginx's status for a client that left.
CLIENT_CLOSED_REQUEST = 499

_tracer = trace.get_tracer("telemetry")
_meter = metrics.get_meter("telemetry")
_duration = _meter.create_histogram("http.server.request.duration", "s")
_active = _meter.create_up_down_counter("http.server.active_requests", "{request}")


def instrument_requests() -> None:
    """Put a span around every request, and all of its middleware."""
    if MIDDLEWARE not in settings.MIDDLEWARE:
        settings.MIDDLEWARE = [MIDDLEWARE, *settings.MIDDLEWARE]


@sync_and_async_middleware
def span_middleware(get_response: Callable[[HttpRequest], Any]) -> Any:
    """Make each request a span, without a thread for async."""
    urls = os.environ.get("OTEL_PYTHON_DJANGO_EXCLUDED_URLS", "")
    patterns = [url.strip() for url in urls.split(",") if url.strip()]
    excluded = re.compile("|".join(patterns)) if patterns else None

    if iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> Any:
            if excluded and excluded.search(request.path):
                return await get_response(request)
            with _span(request) as ending:
                response = await get_response(request)
                ending["status"] = response.status_code
            return response

        return middleware

    def sync_middleware(request: HttpRequest) -> Any:
        if excluded and excluded.search(request.path):
            return get_response(request)
        with _span(request) as ending:
            response = get_response(request)
            ending["status"] = response.status_code
        return response

    return sync_middleware


@contextmanager
def _span(request: HttpRequest) -> Iterator[dict[str, Any]]:
    started = time.perf_counter()
    method = str(request.method)
    # The conventions' names for metrics, whatever those of the fields are.
    labels: dict[str, Any] = {
        "http.request.method": method,
        "url.scheme": str(request.scheme),
    }
    _active.add(1, labels)
    ending: dict[str, Any] = {"status": 500}
    with _tracer.start_as_current_span(
        method,
        propagate.extract(_carrier(request)),
        SpanKind.SERVER,
        attributes=_attributes(request),
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield ending
        except asyncio.CancelledError:
            ending["status"] = CLIENT_CLOSED_REQUEST
            raise
        finally:
            _active.add(-1, labels)
            pattern = route(request)
            labels["http.response.status_code"] = ending["status"]
            if pattern:
                labels["http.route"] = pattern
                span.update_name(f"{method} {pattern}")
            _duration.record(time.perf_counter() - started, labels)
            if span.is_recording():
                _finish(span, request, ending["status"], pattern)


def _finish(
    span: trace.Span, request: HttpRequest, status: int, pattern: str | None
) -> None:
    run = request.__dict__.get(REQUEST_ATTRIBUTE)
    fields = completion_fields(request, status, 0)
    del fields["duration_ms"]
    # A path is forbidden there.
    fields["http.route"] = pattern
    if run is not None:
        fields |= run.scope.fields | run.scope.extra
        fields |= request_line_fields(request)
    span.set_attributes({k: v for k, v in fields.items() if v is not None})
    if status >= 500:
        span.set_status(StatusCode.ERROR)
        if run is not None and run.error is not None:
            span.record_exception(run.error)
            span.set_status(StatusCode.ERROR, str(run.error))


def _carrier(request: HttpRequest) -> dict[str, str]:
    """Return the headers that the propagators read."""
    found = {}
    for name in propagate.get_global_textmap().fields:
        key = f"HTTP_{name.upper().replace('-', '_')}"
        if key in request.META:
            found[name] = request.META[key]
    return found


def _attributes(request: HttpRequest) -> dict[str, str]:
    meta = request.META
    found = {
        "url.scheme": request.scheme,
        "server.address": meta.get("SERVER_NAME"),
        "client.address": meta.get("REMOTE_ADDR"),
        "user_agent.original": meta.get("HTTP_USER_AGENT"),
    }
    return {key: str(value) for key, value in found.items() if value}
