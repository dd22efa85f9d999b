"""Exporters of ours around the SDK's: one a process, and no secret leaves."""

import os
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import (
    LogRecordExporter,
    LogRecordExportResult,
)
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status

from .redaction import redact_text
from .tracing_fields import span_attributes

T = TypeVar("T")


class RedactingSpanExporter(SpanExporter):
    """Hides secrets and query strings in every span, whoever made it.

    The thread that exports does it, so it costs a request nothing.
    """

    def __init__(self, make: Callable[[], SpanExporter]) -> None:
        self._exporter = _PerProcess(make)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.get().export([_redacted(span) for span in spans])


class RecordExporter(LogRecordExporter):
    """Exports log records, which come redacted."""

    def __init__(self, make: Callable[[], LogRecordExporter]) -> None:
        self._exporter = _PerProcess(make)

    def export(
        self,
        batch: Sequence[ReadableLogRecord],
    ) -> LogRecordExportResult:
        return self._exporter.get().export(batch)

    def shutdown(self) -> None:
        """Nothing is kept here."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


class _PerProcess(Generic[T]):
    """Makes its object anew after a fork: a connection has one process."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made = [(os.getpid(), make())]

    def get(self) -> T:
        if self._made[-1][0] != os.getpid():
            # The parent's stays: closing its connection from here can hang.
            self._made.append((os.getpid(), self._make()))
        return self._made[-1][1]


def _redacted(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=span_attributes(span.attributes),
        events=[_redacted_event(event) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=_redacted_status(span.status),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _redacted_event(event: Event) -> Event:
    attributes = span_attributes(event.attributes)
    return Event(event.name, attributes, event.timestamp)


def _redacted_status(status: Status) -> Status:
    if not status.description:
        return status
    return Status(status.status_code, redact_text(status.description))
