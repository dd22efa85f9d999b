"""Who else listens to the lines of an application."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

# Nobody listens there: the cost is that of making events and batching records.
NOBODY = "http://127.0.0.1:9"


def join(company: str, start: Callable[[], Any]) -> Any:
    """Start the peer, and add `handler`, `sentry` or `otlp` to its listeners."""
    if company == "otlp":
        os.environ.update(OTEL_ENABLED="true", OTEL_LOGS_EXPORTER="otlp")
        os.environ.update(OTEL_TRACES_EXPORTER="none")
        os.environ.update(OTEL_EXPORTER_OTLP_ENDPOINT=NOBODY)
    elif company == "sentry":
        import sentry_sdk

        sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", auto_session_tracking=False)
    peer = start()
    if company == "handler":
        [first] = logging.root.handlers
        second = logging.FileHandler(os.devnull)
        second.setFormatter(first.formatter)
        logging.root.addHandler(second)
    return peer


def add_otlp_handler() -> None:
    """Add the SDK's own handler for log records, as its documentation shows."""
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    logging.root.addHandler(LoggingHandler(logger_provider=provider))
