"""Spans, the ids in lines, and log records."""

import os
from typing import Any
from unittest.mock import Mock, patch

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import (
    InMemoryLogRecordExporter,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ..internals import scope as context
from ..internals.environment import load
from ..internals.exporters import (
    ProcessExporter,
    RecordHandler,
    redacted_span,
    trace_fields,
)
from ..logging import get_logger
from .lines import LinesTestCase

log = get_logger("site")


class TracingTests(LinesTestCase):
    def setUp(self) -> None:
        super().setUp()
        for name in [name for name in os.environ if name.startswith("OTEL_")]:
            del os.environ[name]

    def test_each_line_inside_a_span_has_its_ids(self) -> None:
        tracer = TracerProvider().get_tracer("site")
        with (
            patch.object(context, "ENRICHERS", [trace_fields]),
            tracer.start_as_current_span("work") as span,
        ):
            log.info("inside")
        log.info("after")
        inside, after = self.output.lines
        assert inside["trace_id"] == f"{span.get_span_context().trace_id:032x}"
        assert inside["span_id"] == f"{span.get_span_context().span_id:016x}"
        assert "trace_id" not in after

    def test_record_has_the_fields_of_the_line_as_attributes(self) -> None:
        memory: Any = InMemoryLogRecordExporter
        exporter = memory()
        provider = LoggerProvider()
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
        handler = RecordHandler(provider, Mock())
        with patch.object(log._logger, "handlers", [handler]):
            log.warning("sold", password="x", price=3)
        [finished] = exporter.get_finished_logs()
        record = finished.log_record
        assert record.body == "sold"
        assert record.severity_text == "WARNING"
        self.assertEqual(
            dict(record.attributes), {"password": "[redacted]", "price": 3}
        )

    def test_span_has_no_secret_and_no_query_string(self) -> None:
        exporter, secret = InMemorySpanExporter(), "t0ps3cret"
        redacting: Any = ProcessExporter(lambda: exporter, redacted_span)
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(redacting))
        span = provider.get_tracer("site").start_as_current_span("work")
        with self.assertRaises(ValueError), span as current:
            current.set_attribute("http.url", f"https://example.com/?q={secret}")
            current.set_attribute("api_key", secret)
            raise ValueError(f"refused: token={secret}")
        [finished] = exporter.get_finished_spans()
        assert secret not in finished.to_json()
        assert "refused: token=[redacted]" in finished.to_json()

    def test_bad_values_are_problems_and_never_a_sampler_of_everything(self) -> None:
        for name, value in (
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
            ("OTEL_TRACES_EXPORTER", "pigeon"),
        ):
            with self.subTest(name):
                environment = load({"OTEL_ENABLED": "true", name: value})
                [problem] = environment.problems
                assert name in problem
                assert environment.sampler_ratio == 0.1
                assert load({name: value}).problems == ()
