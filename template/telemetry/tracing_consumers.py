"""WebSocket messages as spans: a short one to connect, then one for each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from channels.exceptions import StopConsumer
from opentelemetry import context, trace
from opentelemetry.propagate import extract
from opentelemetry.sdk.trace import TracerProvider

from .context import current
from .websocket import TelemetryConsumerMixin


def instrument_consumers(provider: TracerProvider) -> None:
    """Put a span around each event that a consumer handles."""
    tracer = provider.get_tracer(__package__ or __name__)

    async def dispatch(consumer: Any, message: dict[str, Any]) -> None:
        handle = super(TelemetryConsumerMixin, consumer).dispatch
        if consumer.scope["type"] != "websocket":
            await handle(message)
            return
        with _span(tracer, consumer, message["type"]):
            await handle(message)

    setattr(TelemetryConsumerMixin, "dispatch", dispatch)  # noqa: B010


@contextmanager
def _span(tracer: trace.Tracer, consumer: Any, name: str) -> Iterator[None]:
    """The first span has the handshake's parent; later ones link to it."""
    connected: trace.SpanContext | None
    connected = getattr(consumer, "_telemetry_span", None)
    parent, links = context.Context(), []
    if connected is None:
        parent = extract(_headers(consumer.scope))
    else:
        links = [trace.Link(connected)]
    with tracer.start_as_current_span(
        name,
        parent,
        trace.SpanKind.SERVER,
        links=links,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except StopConsumer:
            raise
        except Exception as error:
            span.record_exception(error)
            span.set_status(trace.StatusCode.ERROR, str(error))
            raise
        finally:
            if span.is_recording():
                span.set_attributes(current())
    if connected is None:
        connected = consumer._telemetry_span = span.get_span_context()
        # Lines between messages have the ids of the connection.
        rest = trace.set_span_in_context(trace.NonRecordingSpan(connected))
        context.attach(rest)


def _headers(scope: dict[str, Any]) -> dict[str, str]:
    headers = {}
    for name, value in scope.get("headers", ()):
        headers[name.decode("latin-1")] = value.decode("latin-1")
    return headers
