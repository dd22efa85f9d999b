"""Requests as spans that carry the fields of their completion lines."""

import os

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span

from .access_log import REQUEST_ATTRIBUTE
from .fields import http_fields
from .request_scope import RequestScope
from .tracing_environment import NAMES
from .tracing_middleware import SpanMiddleware

NAMES_VARIABLE = "OTEL_SEMCONV_STABILITY_OPT_IN"
MIDDLEWARE = f"{SpanMiddleware.__module__}.{SpanMiddleware.__qualname__}"


def instrument_django(provider: TracerProvider) -> None:
    """Put a span around every request, and all of its middleware."""
    _choose_names()
    RequestScope.stays_on_request = True
    paths = settings.MIDDLEWARE = list(settings.MIDDLEWARE)
    given = set(paths)
    DjangoInstrumentor().instrument(
        tracer_provider=provider,
        response_hook=_add_fields,
        raise_exception_on_conflict=True,
    )
    paths[:] = [path if path in given else MIDDLEWARE for path in paths]


def _choose_names() -> None:
    """Let spans have the names of our fields, unless it is decided."""
    chosen = os.environ.get(NAMES_VARIABLE, "").split(",")
    if NAMES and {"http", "http/dup"}.isdisjoint(map(str.strip, chosen)):
        os.environ[NAMES_VARIABLE] = ",".join(filter(None, [*chosen, NAMES]))


def _add_fields(
    span: Span,
    request: HttpRequest,
    response: HttpResponseBase,
) -> None:
    if not span.is_recording():
        return
    scope = getattr(request, REQUEST_ATTRIBUTE, None)
    if scope is not None:
        span.set_attributes(scope.fields)
    span.set_attributes(http_fields(request, response.status_code))
