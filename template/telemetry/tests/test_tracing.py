"""Spans, the ids in lines, and log records; nothing when it is off."""

import json
import logging
import os
import subprocess
import sys
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
from opentelemetry.sdk.trace.export.in_memory_span_exporter import (
    InMemorySpanExporter,
)

from .. import lines
from ..environment import load
from ..logging import get_logger
from ..tracing_fields import span_attributes, trace_fields
from ..tracing_records import RecordHandler
from ..tracing_redaction import RedactingSpanExporter
from .lines import LinesTestCase

log = get_logger("site")
tracer = TracerProvider().get_tracer("site")


class NoShutdown:
    def flush_if_begun(self) -> None:
        pass


class LineTests(LinesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.enterContext(patch.object(lines, "ENRICHERS", [trace_fields]))

    def test_each_line_inside_a_span_has_its_ids(self) -> None:
        with tracer.start_as_current_span("work") as span:
            log.info("structured")
            logging.getLogger("plain").warning("plain")
        log.info("after")
        structured, plain, after = self.output.lines
        span_id = f"{span.get_span_context().span_id:016x}"
        self.assertEqual(structured["span_id"], span_id)
        self.assertEqual(plain["trace_id"], structured["trace_id"])
        self.assertNotIn("trace_id", after)

    def test_a_record_carries_what_the_line_says(self) -> None:
        memory: Any = InMemoryLogRecordExporter
        exporter = memory()
        provider = LoggerProvider()
        processor = SimpleLogRecordProcessor(exporter)
        provider.add_log_record_processor(processor)
        handler = RecordHandler(provider, NoShutdown())  # type: ignore[arg-type]
        root = logging.getLogger()
        with patch.object(root, "handlers", [*root.handlers, handler]):
            with tracer.start_as_current_span("work") as span:
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


class RedactionTests(SimpleTestCase):
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
            span_attributes(attributes),
            {
                "http.target": "/teams/5/",
                "http.url": "https://example.com/teams/5/",
                "api_key": "[redacted]",
                "labels": ["team"],
                "db.url": "postgres://[redacted]@db/shop",
            },
        )

    def test_an_exception_has_no_secret(self) -> None:
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        redacting = RedactingSpanExporter(lambda: exporter)
        provider.add_span_processor(SimpleSpanProcessor(redacting))
        span = provider.get_tracer("site").start_as_current_span("work")
        with self.assertRaises(ValueError), span:
            raise ValueError("refused: token=abc123")
        [finished] = exporter.get_finished_spans()
        self.assertNotIn("abc123", finished.to_json())
        self.assertIn("refused: token=[redacted]", finished.to_json())


class VariableTests(SimpleTestCase):
    def test_bad_values_are_problems_and_never_a_sampler_of_everything(
        self,
    ) -> None:
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
                self.assertEqual(environment.tracing, load({}).tracing)
                self.assertEqual(load({name: value}).problems, ())

    def test_a_tenth_is_the_default(self) -> None:
        tracing = load({"OTEL_ENABLED": "true"}).tracing
        self.assertEqual(tracing.sampler, "parentbased_traceidratio")
        self.assertEqual(tracing.ratio, 0.1)


ASK = """
import sys, django
django.setup()
from django.test import Client
Client(headers={"host": "localhost"}).get("/nowhere/?token=abc123")
print("opentelemetry" in " ".join(sys.modules))
"""


class StartTests(SimpleTestCase):
    """Each starts a process, for tracing starts once in a process."""

    def ask(self, **environ: str) -> subprocess.CompletedProcess[str]:
        paths = os.pathsep.join(filter(None, sys.path))
        variables = {"OTEL_TRACES_EXPORTER": "console", "LOG_FORMAT": "json"}
        return subprocess.run(
            [sys.executable, "-c", ASK],
            env={**os.environ, **variables, "PYTHONPATH": paths, **environ},
            capture_output=True,
            text=True,
            check=True,
        )

    def test_off_it_is_not_even_imported(self) -> None:
        done = self.ask(OTEL_ENABLED="false")
        self.assertEqual(done.stdout.splitlines()[-1], "False")

    def test_on_a_request_is_a_span_with_the_ids_of_its_line(self) -> None:
        done = self.ask(OTEL_ENABLED="true", OTEL_TRACES_SAMPLER_ARG="1")
        rows = done.stdout.splitlines()
        [line] = [row for row in rows if "request_completed" in row]
        [span] = [row for row in done.stderr.splitlines() if row[0] == "{"]
        attributes = json.loads(span)["attributes"]
        self.assertIn(json.loads(line)["trace_id"], span)
        self.assertEqual(
            attributes["request.id"],
            json.loads(line)["request.id"],
        )
        self.assertNotIn("abc123", span)

    def test_what_is_wrong_is_one_line_and_no_more(self) -> None:
        done = self.ask(OTEL_ENABLED="true", OTEL_PROPAGATORS="nobody")
        self.assertEqual(done.stdout.count("tracing_disabled"), 1)
        self.assertIn("request_completed", done.stdout)
