"""Spans, the ids in lines, and log records."""

import logging
import os
from typing import Any
from unittest.mock import patch

from django.test import SimpleTestCase
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
from ..internals.formatters import LineFormatter
from ..logging import get_logger
from ..internals.exporters import ProcessExporter, clean_attributes, clean_span
from ..internals.record_handler import RecordHandler, trace_fields
from .lines import LinesTestCase

log = get_logger("site")


class TracingTestCase(LinesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.enterContext(patch.dict(os.environ))
        for name in list(os.environ):
            if name.startswith("OTEL_"):
                del os.environ[name]
        self.tracer = TracerProvider().get_tracer("site")


class LineTests(TracingTestCase):
    def setUp(self) -> None:
        super().setUp()
        enrichers = patch.object(context, "ENRICHERS", [trace_fields])
        self.enterContext(enrichers)

    def test_a_record_carries_what_the_line_says(self) -> None:
        memory: Any = InMemoryLogRecordExporter
        exporter = memory()
        provider = LoggerProvider()
        processor = SimpleLogRecordProcessor(exporter)
        provider.add_log_record_processor(processor)
        handler = RecordHandler(provider, lambda: None)
        handler.setFormatter(LineFormatter())
        root = logging.getLogger()
        with patch.object(root, "handlers", [*root.handlers, handler]):
            with self.tracer.start_as_current_span("work") as span:
                log.warning("sold", password="x", huge=2**64 - 1, bad="\ud800")
            logging.getLogger("opentelemetry.sdk").warning("not this")
        [finished] = exporter.get_finished_logs()
        record = finished.log_record
        self.assertEqual(record.body, "sold")
        self.assertEqual(record.severity_text, "WARNING")
        self.assertEqual(record.span_id, span.get_span_context().span_id)
        self.assertEqual(
            dict(record.attributes or {}),
            {
                "password": "[redacted]",
                "huge": "18446744073709551615",
                "bad": "\\ud800",
            },
        )
        self.assertEqual(len(self.output.named("sold")), 1)


class RedactionTests(TracingTestCase):
    def test_attributes_have_no_query_string_and_no_secret(self) -> None:
        attributes = {
            "http.target": "/teams/5/?next=/",
            "http.url": "https://example.com/teams/5/?next=/",
            "url.query": "next=/",
            "api_key": "k",
            "labels": ("team",),
            "db.url": "postgres://me:pw@db/shop",
        }
        self.assertEqual(
            clean_attributes(attributes),
            {
                "http.target": "/teams/5/",
                "http.url": "https://example.com/teams/5/",
                "api_key": "[redacted]",
                "labels": ["team"],
                "db.url": "postgres://[redacted]@db/shop",
            },
        )

    def test_an_exception_has_no_secret(self) -> None:
        exporter, secret = InMemorySpanExporter(), "abc123"
        provider = TracerProvider()
        redacting: Any = ProcessExporter(lambda: exporter, clean_span)
        provider.add_span_processor(SimpleSpanProcessor(redacting))
        span = provider.get_tracer("site").start_as_current_span("work")
        with self.assertRaises(ValueError), span:
            raise ValueError(f"refused: token={secret}")
        [finished] = exporter.get_finished_spans()
        self.assertNotIn("abc123", finished.to_json())
        self.assertIn("refused: token=[redacted]", finished.to_json())


class VariableTests(SimpleTestCase):
    def test_bad_values_are_problems_and_never_a_sampler_of_everything(self) -> None:
        for name, value in (
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_TRACES_SAMPLER_ARG", "10%"),
            ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
            ("OTEL_TRACES_SAMPLER_ARG", "nan"),
            ("OTEL_TRACES_EXPORTER", "pigeon"),
            ("OTEL_LOGS_EXPORTER", "pigeon"),
        ):
            with self.subTest(name, value=value):
                environment = load({"OTEL_ENABLED": "true", name: value})
                [problem] = environment.problems
                self.assertIn(name, problem)
                self.assertEqual(environment.sampler_arg, "")
                self.assertEqual(load({name: value}).problems, ())

    def test_defaults(self) -> None:
        environment = load({"OTEL_ENABLED": "true"})
        self.assertEqual(environment.sampler, "parentbased_traceidratio")
        self.assertEqual(environment.sampler_arg, "")
        self.assertEqual(environment.slow_ms, 1000)
