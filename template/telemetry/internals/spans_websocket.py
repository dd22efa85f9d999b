"""WebSocket messages as spans: a short one to connect, then one for each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from channels.exceptions import StopConsumer
from opentelemetry import context, trace
from opentelemetry.propagate import extract

from .connections import OBSERVERS, WRAPPERS, is_disconnect
from .metrics import messages, open_connections
from .scope import current
from .values import clean

_tracer = trace.get_tracer("telemetry")


def instrument_consumers() -> None:
    """Put a span around each event that a consumer handles, and count messages."""
    WRAPPERS.append(_span)
    OBSERVERS.append(_count)


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
        # For the whole connection, because of the baggage.
        context.attach(parent)
    else:
        links = [trace.Link(connected)]
    stopped: Exception | None = None
    with _tracer.start_as_current_span(
        message["type"], parent, trace.SpanKind.SERVER, links=links
    ) as span:
        try:
            yield
        except Exception as error:
            if not isinstance(error, StopConsumer) and not is_disconnect(error):
                raise
            # Raised below, because it is no failure of the span.
            stopped = error
        finally:
            if span.is_recording():
                span.set_attributes(clean(current()))
    if connected is None:
        connected = consumer._telemetry_span = span.get_span_context()
        # Lines between messages have the ids of the connection.
        context.attach(trace.set_span_in_context(trace.NonRecordingSpan(connected)))
    if stopped:
        raise stopped


def _count(_: Any, event: str) -> None:
    if event in ("accepted", "ended"):
        open_connections.add(1 if event == "accepted" else -1)
    else:
        messages.add(1, {"direction": "in" if event == "received" else "out"})
