"""Tasks as spans, children of the span that sent them."""

from typing import Any

from celery.signals import worker_process_shutdown
from opentelemetry.instrumentation.celery import CeleryInstrumentor


def instrument_celery(flush: Any) -> None:
    """Make every task a span; a pool's process ends without `atexit`."""
    instrumentor: Any = CeleryInstrumentor
    instrumentor().instrument(raise_exception_on_conflict=True)
    worker_process_shutdown.connect(flush)
