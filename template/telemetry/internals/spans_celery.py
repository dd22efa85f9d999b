"""Tasks as spans, children of the span that sent them, and their metrics."""

from contextvars import ContextVar
from typing import Any

from celery import signals, states
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind

from .entry_spans import EntrySpan, error_type
from .metrics import task_duration, task_queue_wait
from .values import clean

OUTCOMES = {
    states.SUCCESS: "completed",
    states.FAILURE: "failed",
    states.RETRY: "retried",
    states.REJECTED: "rejected",
    states.IGNORED: "ignored",
}

_tracer = trace.get_tracer("telemetry")
# The span of the message that is being sent.
_sending: ContextVar[trace.Span] = ContextVar("telemetry_sending")


def instrument_celery(flush: Any) -> None:
    """Make every task a span, and every message that sends one.

    `config.py` calls this before it connects the receivers that log, so that the
    lines of a task are inside its span.
    """
    signals.before_task_publish.connect(_start_sending)
    signals.after_task_publish.connect(_end_sending)
    signals.task_prerun.connect(_start)
    signals.task_postrun.connect(_end)
    # A process of the pool ends without `atexit`.
    signals.worker_process_shutdown.connect(flush)


def _start_sending(
    sender: Any, headers: dict[str, Any], routing_key: Any, **_: object
) -> None:
    span = _tracer.start_span(f"apply_async/{sender}", kind=SpanKind.PRODUCER)
    if span.is_recording():
        attributes = _attributes(headers.get("id"), str(sender))
        attributes["messaging.destination.name"] = routing_key
        span.set_attributes(clean(attributes))
    # Not made current, because nothing would end that where the broker is absent.
    propagate.inject(headers, trace.set_span_in_context(span))
    _sending.set(span)


def _end_sending(**_: object) -> None:
    _sending.get().end()


def _start(task: Any, **_: object) -> None:
    # Headers of the message are attributes of the request.
    headers = {k: v for k, v in vars(task.request).items() if isinstance(v, str)}
    span = EntrySpan(f"run/{task.name}", SpanKind.CONSUMER, headers)
    task.request.telemetry_span = span


def _end(task: Any, state: str | None, retval: Any, **_: object) -> None:
    span = getattr(task.request, "telemetry_span", None)
    if not isinstance(span, EntrySpan):
        return
    run: Any = getattr(task.request, "telemetry_run", None)
    outcome = OUTCOMES.get(state or "", "failed")
    error = retval if isinstance(retval, BaseException) else None
    labels = {"task.name": task.name, "task.outcome": outcome}
    if outcome == "failed" and error is not None:
        labels["error.type"] = error_type(error)
    task_duration.record(span.seconds(), labels)
    wait_ms = getattr(run, "queue_wait_ms", None)
    if wait_ms is not None:
        task_queue_wait.record(wait_ms / 1000, {"task.name": task.name})

    def describe() -> dict[str, Any]:
        attributes = _attributes(task.request.id, task.name)
        line = {**getattr(run, "line", {}), "exc_info": None}
        return clean({**attributes, **span.fields(), **line, **labels})

    is_expected = isinstance(error, task.throws or ())
    failed = outcome == "failed" and not is_expected
    span.end(f"run/{task.name}", describe, error, failed=failed)


def _attributes(task_id: Any, name: str) -> dict[str, Any]:
    return {
        "messaging.system": "celery",
        "messaging.message.id": task_id,
        "task.name": name,
    }
