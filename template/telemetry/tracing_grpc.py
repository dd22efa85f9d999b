"""Exporters over gRPC: no process forks while one of them exports.

The child of such a fork would wait for ever for threads that it has not.
"""

import os
import threading
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.grpc import (
    _log_exporter,
    trace_exporter,
)
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

# In seconds: how long a fork waits for an export, in all.
MAX_WAIT = 1.0

_exporting = threading.Lock()
_held = False


class OTLPSpanExporter(trace_exporter.OTLPSpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        with _exporting:
            return super().export(spans)


class OTLPLogExporter(_log_exporter.OTLPLogExporter):
    def export(
        self,
        batch: Sequence[ReadableLogRecord],
    ) -> LogRecordExportResult:
        with _exporting:
            return super().export(batch)


def _before() -> None:
    global _held
    _held = _exporting.acquire(timeout=MAX_WAIT)


def _after_in_parent() -> None:
    if _held:
        _exporting.release()


def _after_in_child() -> None:
    global _exporting
    _exporting = threading.Lock()


os.register_at_fork(
    before=_before,
    after_in_parent=_after_in_parent,
    after_in_child=_after_in_child,
)
