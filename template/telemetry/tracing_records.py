"""Log records: each line goes to the Collector as well."""

import logging
from collections.abc import Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.sdk._logs import LoggerProvider

from .access_log import is_replaced
from .lines import HEAD, line_of
from .tracing_fields import record_attributes
from .tracing_shutdown import Shutdown

# They have places of their own in a record.
NO_ATTRIBUTES = HEAD | {"trace_id", "span_id"}


class RecordHandler(logging.Handler):
    """Emits lines: the event as body, the fields as attributes."""

    def __init__(self, provider: LoggerProvider, shutdown: Shutdown) -> None:
        super().__init__()
        self._provider = provider
        self._shutdown = shutdown

    def emit(self, record: logging.LogRecord) -> None:
        if is_replaced(record) or _is_of_export(record):
            return
        try:
            attributes = record_attributes(line_of(record))
            event, context = attributes["event"], _context(attributes)
            for name in NO_ATTRIBUTES & attributes.keys():
                del attributes[name]
            self._provider.get_logger(record.name).emit(
                context=context,
                timestamp=int(record.created * 1e9),
                severity_number=_severity(record.levelno),
                severity_text=record.levelname,
                body=event,
                attributes=attributes,
            )
            self._shutdown.flush_if_begun()
        except Exception:
            self.handleError(record)


def _is_of_export(record: logging.LogRecord) -> bool:
    """Whether exporting says this: to export it would make it say more."""
    name = record.name.partition(".")[0]
    return name == "opentelemetry" or not is_instrumentation_enabled()


def _context(line: Mapping[str, Any]) -> Context | None:
    """Return the span of a line that comes after it: of a streamed body."""
    if trace.get_current_span().get_span_context().is_valid:
        return None
    try:
        trace_id, span_id = int(line["trace_id"], 16), int(line["span_id"], 16)
    except (KeyError, TypeError, ValueError):
        return None
    span = trace.SpanContext(trace_id, span_id, is_remote=False)
    return trace.set_span_in_context(trace.NonRecordingSpan(span))


def _severity(level: int) -> SeverityNumber:
    """Return TRACE below DEBUG, FATAL for CRITICAL and above."""
    return SeverityNumber(1 + 4 * min(max(level, 0) // 10, 5))
