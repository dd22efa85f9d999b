"""The start of OpenTelemetry: providers and instrumentation of a process."""

import logging
import os

from django.conf import settings
from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider, sampling

from . import tracing_environment
from .lines import ENRICHERS
from .logging import apply_config
from .tracing_django import instrument_django
from .tracing_environment import Tracing
from .tracing_exporters import record_processors, span_processors
from .tracing_fields import trace_fields
from .tracing_noise import limit_noise
from .tracing_records import RecordHandler
from .tracing_shutdown import Shutdown


def start(tracing: Tracing) -> str | None:
    """Start what `tracing` asks for, or return why nothing was started."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return "OTEL_SDK_DISABLED is true."
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        ENRICHERS.append(trace_fields)
        return "A TracerProvider is set already; nothing is added to it."

    resource = _resource()
    spans = TracerProvider(_sampler(tracing), resource, shutdown_on_exit=False)
    for span_processor in span_processors(tracing.traces_exporter):
        spans.add_span_processor(span_processor)
    records = LoggerProvider(resource, shutdown_on_exit=False)
    for record_processor in record_processors(tracing.logs_exporter):
        records.add_log_record_processor(record_processor)
    limit_noise()

    shutdown = Shutdown(spans.force_flush, records.force_flush)
    spans.add_span_processor(shutdown)
    trace.set_tracer_provider(spans)
    instrument_django(spans)
    if tracing.logs_exporter != "none":
        _add_handler(RecordHandler(records, shutdown))
    ENRICHERS.append(trace_fields)
    return None


def _add_handler(handler: logging.Handler) -> None:
    """Add it to the root; it stays when runserver sets Django up again."""
    logging.root.addHandler(handler)
    if settings.LOGGING_CONFIG == "logging.config.dictConfig":
        settings.LOGGING_CONFIG = f"{apply_config.__module__}.apply_config"


def _resource() -> Resource:
    """What the environment says; the name, unless it says one, is ours."""
    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        ours = Resource({SERVICE_NAME: tracing_environment.SERVICE_NAME})
        return resource.merge(ours)
    return resource


def _sampler(tracing: Tracing) -> sampling.Sampler:
    ratio = tracing.ratio
    samplers = {
        "always_on": sampling.ALWAYS_ON,
        "always_off": sampling.ALWAYS_OFF,
        "traceidratio": sampling.TraceIdRatioBased(ratio),
        "parentbased_always_on": sampling.DEFAULT_ON,
        "parentbased_always_off": sampling.DEFAULT_OFF,
        "parentbased_traceidratio": sampling.ParentBasedTraceIdRatio(ratio),
    }
    return samplers[tracing.sampler]
