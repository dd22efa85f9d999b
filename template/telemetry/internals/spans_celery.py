"""Tasks as spans, children of the span that sent them."""

from typing import Any

from celery.signals import task_prerun, worker_process_shutdown
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.trace import get_current_span

from .. import celery
from .exporters import add_to_span
from .scope import current


def instrument_celery(flush: Any) -> None:
    """Make every task a span; a pool's process ends without `atexit`."""
    # The instrumentation's receiver comes first, so that `task_started` is
    # inside of the span; ours for the task's end stays before its own.
    task_prerun.disconnect(celery.enter)
    instrumentor: Any = CeleryInstrumentor
    instrumentor().instrument(raise_exception_on_conflict=True)
    task_prerun.connect(celery.enter)
    task_prerun.connect(_add_fields)
    worker_process_shutdown.connect(flush)


def _add_fields(**_: Any) -> None:
    add_to_span(get_current_span(), current())
