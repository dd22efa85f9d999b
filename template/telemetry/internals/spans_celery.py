"""Tasks as spans, children of the span that sent them, and their metrics."""

from contextvars import ContextVar
from typing import Any

from celery import signals, states
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind

from .entry_spans import EntrySpan
from .errors import error_fields
from .metrics import task_duration, task_queue_wait
from .tasks import run_of
from .values import clean

MESSAGING = {"messaging.system": "celery"}
OUTCOMES: dict[str | None, str] = {
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


def _start_sending(sender: Any, headers: dict[str, Any], **_: object) -> None:
    span = _tracer.start_span(f"apply_async/{sender}", kind=SpanKind.PRODUCER)
    if span.is_recording():
        attributes = {**MESSAGING, "messaging.message.id": headers.get("id")}
        span.set_attributes(clean({**attributes, "task.name": sender}))
    # Not made current, because nothing would end that if the broker is absent.
    propagate.inject(headers, trace.set_span_in_context(span))
    _sending.set(span)


def _end_sending(**_: object) -> None:
    _sending.get().end()


def _start(task: Any, **_: object) -> None:
    # The headers of the message are attributes of the request.
    headers = {k: v for k, v in vars(task.request).items() if isinstance(v, str)}
    span = EntrySpan(f"run/{task.name}", SpanKind.CONSUMER, headers)
    task.request.telemetry_span = span


def _end(task: Any, state: str | None, retval: Any, **_: object) -> None:
    span, run = getattr(task.request, "telemetry_span", None), run_of(task.request)
    if not isinstance(span, EntrySpan):  # A message can have such a header.
        return
    outcome = OUTCOMES.get(state, "failed")
    labels = {"task.name": task.name, "task.outcome": outcome}
    error = retval if isinstance(retval, BaseException) else None
    if outcome == "failed" and error is not None:
        labels["error.type"] = error_fields(error)["error.type"]
    task_duration.record(span.seconds(), labels)
    if run and run.queue_wait_ms is not None:
        task_queue_wait.record(run.queue_wait_ms / 1000, {"task.name": task.name})

    def describe() -> dict[str, Any]:
        line = {**run.line, "exc_info": None} if run else {}
        attributes = {**MESSAGING, "messaging.message.id": task.request.id}
        return clean({**attributes, **span.fields(), **line, **labels})

    # A task names the exceptions that are no failures in `throws`.
    failed = outcome == "failed" and not isinstance(error, task.throws or ())
    span.end(f"run/{task.name}", describe, error, failed=failed)
