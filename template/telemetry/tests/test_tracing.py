"""Spans, the ids in lines, and log records."""

import os
from typing import Any
from unittest.mock import Mock, patch

# With an unknown propagator OpenTelemetry cannot be imported (1.45).
with patch.dict(os.environ, {"OTEL_PROPAGATORS": "tracecontext"}):
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs import export as logs_export
    from opentelemetry.sdk.trace import TracerProvider, sampling
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import (
        InMemorySpanExporter,
    )

    from ..internals.exporters import ProcessExporter, clean_span
    from ..internals.record_handler import RecordHandler, trace_fields

from ..internals import scope
from ..internals.environment import load
from ..internals.formatters import LineFormatter
from ..logging import get_logger
from .lines import LinesTestCase

log = get_logger("site")


class TracingTests(LinesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.enterContext(patch.dict(os.environ))
        for name in [name for name in os.environ if name.startswith("OTEL_")]:
            del os.environ[name]

    def test_each_line_inside_a_span_has_its_ids(self) -> None:
        self.enterContext(patch.object(scope, "ENRICHERS", [trace_fields]))
        with TracerProvider().get_tracer("site").start_as_current_span("work") as span:
            log.info("inside")
        log.info("after")
        inside, after = self.output.lines
        ids = span.get_span_context()
        self.assertEqual(inside["trace_id"], f"{ids.trace_id:032x}")
        self.assertEqual(inside["span_id"], f"{ids.span_id:016x}")
        self.assertNotIn("trace_id", after)

    def test_line_says_that_its_trace_is_not_exported(self) -> None:
        tracer = TracerProvider(sampling.ALWAYS_OFF).get_tracer("site")
        with tracer.start_as_current_span("work"):
            self.assertIs(trace_fields()["trace_sampled"], False)

    def test_record_has_the_fields_of_the_line_as_attributes(self) -> None:
        memory: Any = logs_export.InMemoryLogRecordExporter
        exporter = memory()
        provider = LoggerProvider()
        provider.add_log_record_processor(
            logs_export.SimpleLogRecordProcessor(exporter)
        )
        handler = RecordHandler(provider, Mock())
        handler.setFormatter(LineFormatter())
        with patch.object(log._logger, "handlers", [handler]):
            log.warning("sold", password="x", price=3)
        [finished] = exporter.get_finished_logs()
        record = finished.log_record
        self.assertEqual(record.body, "sold")
        self.assertEqual(record.event_name, "sold")
        self.assertEqual(record.severity_text, "WARNING")
        self.assertEqual(
            dict(record.attributes), {"password": "[redacted]", "price": 3}
        )

    def test_span_has_no_secret_and_no_query_string(self) -> None:
        exporter, secret = InMemorySpanExporter(), "t0ps3cret"
        cleaning: Any = ProcessExporter(lambda: exporter, clean_span)
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(cleaning))
        span = provider.get_tracer("site").start_as_current_span("work")
        with self.assertRaises(ValueError), span as current:
            current.set_attribute("http.url", f"https://example.com/?q={secret}")
            current.set_attribute("api_key", secret)
            raise ValueError(f"refused: token={secret}")
        [finished] = exporter.get_finished_spans()
        self.assertNotIn(secret, finished.to_json())
        self.assertIn("refused: token=[redacted]", finished.to_json())

    def test_bad_values_are_problems_and_never_a_sampler_of_everything(self) -> None:
        for name, value in (
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
            ("OTEL_TRACES_EXPORTER", "pigeon"),
            ("OTEL_PROPAGATORS", "pigeon"),
            ("OTEL_CONFIG_FILE", "/etc/otel.yaml"),
        ):
            with self.subTest(name):
                environment = load({"OTEL_ENABLED": "true", name: value})
                [problem] = environment.problems
                self.assertIn(name, problem)
                self.assertEqual(environment.sampler, "parentbased_traceidratio")
                self.assertEqual(environment.sampler_arg, "")
                self.assertEqual(load({name: value}).problems, ())
