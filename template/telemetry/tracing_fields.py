"""Fields of lines and attributes of OpenTelemetry, one made of the other."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from opentelemetry import trace

from .exceptions import MAX_TRACEBACK
from .representation import censor
from .serialization import clean

# Attributes with a query string, which is left out.
URLS = (
    "http.request.header.referer",
    "http.target",
    "http.url",
    "url.full",
    # Add your own above this line.
)
QUERY = "url.query"


def trace_fields() -> dict[str, str]:
    """Return the ids of the current span, sampled or not."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return {}
    return {
        "trace_id": trace.format_trace_id(span.trace_id),
        "span_id": trace.format_span_id(span.span_id),
    }


def record_attributes(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line, which is clean, as a log record can carry it."""
    return {key: _plain(value) for key, value in line.items()}


def span_attributes(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return `attributes` without secrets and query strings."""
    shown = clean(dict(attributes or {}))
    shown.pop(QUERY, None)
    for key in shown.keys() & URLS:
        shown[key] = str(shown[key]).partition("?")[0]
    return {key: _plain(value) for key, value in shown.items()}


def _plain(value: Any) -> Any:
    """Return what Protobuf can hold, for else a whole batch is lost."""
    if isinstance(value, str):
        text = censor(value, MAX_TRACEBACK)
        return text.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, int):
        return value if value < 2**63 else str(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.isoformat() if isinstance(value, datetime) else value
