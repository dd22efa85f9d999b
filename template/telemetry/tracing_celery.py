"""Tasks as spans, in the trace of whoever sent them."""

from typing import Any

from celery.signals import task_prerun, worker_process_shutdown
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import get_current_span

# Imported for its signals: a task's last line comes before its span ends.
from . import celery as _celery  # noqa: F401
from .context import current
from .tracing_shutdown import Shutdown


def instrument_celery(provider: TracerProvider, shutdown: Shutdown) -> None:
    """Let every task be a span; a pool's process ends without `atexit`."""
    instrumentor: Any = CeleryInstrumentor
    instrumentor().instrument(
        tracer_provider=provider,
        raise_exception_on_conflict=True,
    )
    task_prerun.connect(_add_fields)
    worker_process_shutdown.connect(shutdown.flush)


def _add_fields(**_: Any) -> None:
    span = get_current_span()
    if span.is_recording():
        span.set_attributes(current())
