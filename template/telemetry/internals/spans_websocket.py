"""WebSocket messages as spans: a short one to connect, then one for each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from channels.exceptions import StopConsumer
from opentelemetry import context, trace
from opentelemetry.propagate import extract

from .connection_run import WRAPPERS
from .exporters import add_to_span
from .scope import current

_tracer = trace.get_tracer("telemetry")


def instrument_consumers() -> None:
    """Put a span around each event that a consumer handles."""
    WRAPPERS.append(_span)


@contextmanager
def _span(consumer: Any, message: dict[str, Any]) -> Iterator[None]:
    """The first span has the handshake's parent; later ones link to it."""
    if consumer.scope["type"] != "websocket":
        yield
        return
    connected: Any = getattr(consumer, "_telemetry_span", None)
    parent, links = context.Context(), []
    if connected is None:
        headers = consumer.scope.get("headers", ())
        parent = extract({k.decode("latin-1"): v.decode("latin-1") for k, v in headers})
    else:
        links = [trace.Link(connected)]
    stopped = None
    with _tracer.start_as_current_span(
        message["type"], parent, trace.SpanKind.SERVER, links=links
    ) as span:
        try:
            yield
        except StopConsumer as error:  # No failure of the span.
            stopped = error
        finally:
            add_to_span(span, current())
    if connected is None:
        connected = consumer._telemetry_span = span.get_span_context()
        # Lines between messages have the ids of the connection.
        context.attach(trace.set_span_in_context(trace.NonRecordingSpan(connected)))
    if stopped:
        raise stopped
