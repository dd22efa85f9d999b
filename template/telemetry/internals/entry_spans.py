"""Spans of requests and tasks; failed and slow ones are exported in any case."""

import time
from collections.abc import Callable, Mapping
from contextvars import Context, ContextVar, copy_context
from typing import Any

from opentelemetry import context, propagate, trace
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import SpanKind, StatusCode

from .environment import environment
from .errors import exception_fields
from .scope import Fields, Scope, current

# The conventions' names for the fields of an exception.
EXCEPTION = {
    "error.type": "exception.type",
    "error.message": "exception.message",
    "exception": "exception.stacktrace",
}
# The key in `Scope.data` of a span that has ended, for lines that come later.
SPAN_CONTEXT = "telemetry.span_context"

_tracer = trace.get_tracer("telemetry")
_entry_span: ContextVar[Any] = ContextVar("telemetry_entry_span", default=None)


class EntrySpan:
    """The current span until `end`; its parent and baggage are in `carrier`.

    A span that the sampler dropped is exported all the same if it failed or took
    TELEMETRY_SLOW_MS, without its children, which nothing has recorded.
    """

    # Samples every span, and gives it the ids of the one that was dropped.
    second_tracer: trace.Tracer = trace.NoOpTracer()

    def __init__(self, name: str, kind: SpanKind, carrier: Mapping[str, str]) -> None:
        self._kind = kind
        self._start_time, self._started = time.time_ns(), time.perf_counter()
        self._parent = propagate.extract(carrier, context.get_current())
        self._span = _tracer.start_span(name, self._parent, kind)
        self.span_context = self._span.get_span_context()
        inner = trace.set_span_in_context(self._span, self._parent)
        self._token = context.attach(inner)
        self._outer = _entry_span.get()
        _entry_span.set(self)
        # The context of the last line, for the fields that were bound by then.
        self.last_context: Context | None = None

    def seconds(self) -> float:
        """Return how long the span has lasted."""
        return time.perf_counter() - self._started

    def fields(self) -> dict[str, Any]:
        """Return the context of the last line, {} if there was none."""
        return self.last_context.run(current) if self.last_context else {}

    def end(
        self,
        name: str,
        describe: Callable[[], dict[str, Any]],
        error: BaseException | None = None,
        *,
        failed: bool,
    ) -> None:
        """End the span.

        `describe` returns its attributes, of which None is left out. It is called
        only for a span that is exported, so that others cost nothing.
        """
        context.detach(self._token)
        span, slow_ms = self._span, environment().slow_ms
        is_slow = 0 < slow_ms <= self.seconds() * 1000
        if not span.is_recording() and (failed or is_slow):
            span = self.second_tracer.start_span(
                name, self._parent, self._kind, start_time=self._start_time
            )
            span.set_attribute("sampling.reason", "error" if failed else "slow")
        if span.is_recording():
            attributes = describe()
            span.update_name(name)
            span.set_attributes({k: v for k, v in attributes.items() if v is not None})
            if failed:
                _set_error(span, error)
            span.end()
        _entry_span.set(self._outer)
        self.last_context = None  # It refers to this object.


class SameIds(IdGenerator):
    """Generates the ids of the entry span that is ending."""

    def generate_span_id(self) -> int:
        return int(_entry_span.get().span_context.span_id)

    def generate_trace_id(self) -> int:
        return int(_entry_span.get().span_context.trace_id)


def keep_last_context(_: Scope) -> Fields:
    """Keep the context of a scope's last line for the span, which ends later."""
    if span := _entry_span.get():
        span.last_context = copy_context()
    return {}


def _set_error(span: trace.Span, error: BaseException | None) -> None:
    span.set_status(StatusCode.ERROR)
    if error is not None:
        fields = exception_fields(error)
        event = {name: fields[key] for key, name in EXCEPTION.items()}
        del fields["exception"]
        span.set_status(StatusCode.ERROR, fields["error.message"])
        span.set_attributes(fields)
        span.add_event("exception", event)
