"""The task class: the caller's context in each task, lines for each run."""

import json
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import copy_context
from datetime import datetime
from typing import Any

from billiard.process import current_process
from celery import signals, states
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore, Reject, Retry

from .fields import Fields, task_event_fields, task_fields, task_level, task_line_fields
from .internals import worker as celery_worker
from .internals.environment import environment
from .internals.errors import error_fields
from .internals.record import get_logger
from .internals.scope import Scope, current, current_scope
from .internals.values import clean

log = get_logger("telemetry.celery")

# The message's header with the time of sending and the caller's context.
HEADER = "telemetry"
# In characters. Longer values are not sent.
MAX_VALUE = 200
# Arguments that set fields of the context; no task ever sees them.
CONTEXT_ARGUMENTS = {"_request_id": "request.id", "_user_id": "user.id"}

# The latest failures that were reported from outside their process.
_lost: deque[str] = deque(maxlen=100)


class TelemetryTask(DjangoTask):  # type: ignore[type-arg,unused-ignore]
    """As `base=` of a task, or as `task_cls=` of the whole application.

    The caller's context travels by itself; `_request_id=` and `_user_id=` set
    it by hand. Calling a task directly logs nothing.
    """

    abstract = True
    # Lines about a task of this class replace Celery's.
    telemetry_reports = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        fields, kwargs = _split(kwargs)
        if fields or self.request.called_directly:
            return _apart(fields, super().__call__, *args, **kwargs)
        return self.run(*args, **kwargs)

    def apply_async(
        self, args: Any = None, kwargs: Any = None, *more: Any, **options: Any
    ) -> Any:
        fields, kwargs = _split(kwargs or {})
        return _apart(fields, super().apply_async, args, kwargs, *more, **options)

    def apply(
        self, args: Any = None, kwargs: Any = None, *more: Any, **options: Any
    ) -> Any:
        fields, kwargs = _split(kwargs or {})
        if fields:
            return _apart(fields, super().apply, args, kwargs, *more, **options)
        return super().apply(args, kwargs, *more, **options)


class TaskRun:
    """One run of a task: its context, and how it started and ended."""

    def __init__(self, task: Any, given: Fields) -> None:
        sent, carried = unpack(task.request.get(HEADER))
        self._task = task
        self._surrounding = sys.exception()
        self._started = time.perf_counter()
        self._wait = _queue_wait(sent, task.request.eta)
        own: dict[str, Any] = {"request.id": task.request.root_id or task.request.id}
        own |= task_fields(task, {**current(), **carried, **given})
        own |= {"task.id": task.request.id, "task.name": task.name}
        self.scope = Scope(own, lambda: task_line_fields(task), task)
        task.request.telemetry_run = self
        self._write("task_started", {})

    def finish(self, state: str | None, result: Any) -> None:
        """Log the outcome."""
        seconds = time.perf_counter() - self._started
        fields = {"duration_ms": round(seconds * 1000, 2), **self.scope.last_fields()}
        error = self._error(state, result)
        if error is None:
            self._write("task_completed", fields)
        elif isinstance(error, Ignore):
            self._write("task_ignored", fields)
        elif isinstance(error, Reject | Retry):
            event = "task_retried" if isinstance(error, Retry) else "task_rejected"
            self._write(event, {"reason": str(error), **fields})
        elif isinstance(error, self._task.throws or ()):
            named = error_fields(error)
            self._write("task_failed", {**named, **fields}, logging.INFO)
        elif not _ends_pool_process(error):
            self._write("task_failed", {**fields, "exc_info": error})

    def _write(self, event: str, fields: Fields, level: int | None = None) -> None:
        level = level or task_level(self._task, event)
        # Celery's own tasks poll and clean up; only a failure matters.
        is_quiet = self._task.name.startswith("celery.") and event != "task_failed"
        if level is not None and not is_quiet:
            own = {**task_event_fields(self._task, event), **self._wait}
            log.log(level, event, **{**fields, **own})

    def _error(self, state: str | None, result: Any) -> BaseException | None:
        """Return what the task raised, on its way or as the result."""
        raised = sys.exception()
        if raised is not self._surrounding:
            return raised
        is_error = state != states.SUCCESS and isinstance(result, BaseException)
        return result if is_error else None


def pack(fields: Fields) -> str:
    """Return the time and `fields` as text that every broker can carry."""
    kept = {
        key: value
        for key, value in clean(dict(fields)).items()
        if key not in ("task.id", "task.name") and len(str(value)) <= MAX_VALUE
    }
    return json.dumps([time.time(), kept], default=str)


def unpack(header: Any) -> tuple[float | None, Fields]:
    """Return when the message was sent, in Unix time, and what it carries."""
    try:
        sent, fields = json.loads(header)
        return float(sent), dict(fields)
    except (TypeError, ValueError, RecursionError):  # Not our header.
        return None, {}


def connect_signals() -> None:
    """Have tasks logged. This module calls it unless telemetry is off."""
    signals.before_task_publish.connect(send_context)
    signals.task_prerun.connect(enter)
    signals.task_postrun.connect(leave)
    signals.task_failure.connect(report_lost)
    signals.task_revoked.connect(report_revoked)


def send_context(headers: dict[str, Any], **_: object) -> None:
    headers[HEADER] = pack(current())


def enter(task: Any, kwargs: Mapping[str, Any], **_: object) -> None:
    if isinstance(task, TelemetryTask):
        TaskRun(task, _split(kwargs)[0])


def leave(task: Any, state: str | None, retval: Any, **_: object) -> None:
    if run := getattr(task.request, "telemetry_run", None):
        try:
            run.finish(state, retval)
        finally:
            run.scope.exit()


def report_lost(
    sender: Any, task_id: str, exception: BaseException, **_: object
) -> None:
    """Report a failure that the task's own process cannot report."""
    if not isinstance(sender, TelemetryTask) or isinstance(exception, Reject):
        return
    failure = f"{task_id} {exception!r}"
    # Celery sends a hard time limit twice.
    if hasattr(sender.request, "telemetry_run") or failure in _lost:
        return
    _lost.append(failure)
    celery_worker.mark_reported(exception)
    # Only the worker has loaded it.
    state: Any = sys.modules.get("celery.worker.state")
    request = state and state.requests.get(task_id)
    context = _context_of(sender, request or sender.request, task_id)
    _report(sender, context, "task_failed", {"exc_info": exception})


def report_revoked(
    sender: Any, request: Any, terminated: bool, expired: bool, **_: object
) -> None:
    if isinstance(sender, TelemetryTask):
        context = _context_of(sender, request, request.id)
        fields = {"terminated": terminated, "expired": expired}
        _report(sender, context, "task_revoked", fields)


def _report(task: Any, context: Fields, event: str, fields: Fields) -> None:
    if (level := task_level(task, event)) is not None:
        _apart(context, log.log, level, event, **fields)


def _context_of(task: Any, request: Any, task_id: str) -> Fields:
    """Return the context of a task that runs elsewhere, or never."""
    message = getattr(request, "request_dict", None) or vars(request)
    return {
        "request.id": message.get("root_id") or task_id,
        **unpack(message.get(HEADER))[1],
        "task.id": task_id,
        "task.name": task.name,
    }


def _split(kwargs: Mapping[str, Any]) -> tuple[Fields, dict[str, Any]]:
    """Return the fields that `kwargs` set, and the task's own arguments."""
    own = dict(kwargs)
    if CONTEXT_ARGUMENTS.keys().isdisjoint(own):
        return {}, own
    given = {field: own.pop(key, None) for key, field in CONTEXT_ARGUMENTS.items()}
    return {key: given[key] for key in given if given[key] is not None}, own


def _apart(
    fields: Fields, function: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Any:
    """Call `function` with `fields` in a copy of the context, which it may change."""

    def call() -> Any:
        if fields:
            outer, scope = current_scope(), Scope({**current(), **fields})
            if outer is not None:
                scope.collect_for(outer)
        return function(*args, **kwargs)

    return copy_context().run(call)


def _ends_pool_process(error: BaseException) -> bool:
    """Return True if the pool's process ends; its parent reports that."""
    in_pool = hasattr(current_process(), "index")
    return in_pool and isinstance(error, SystemExit)


def _queue_wait(sent: float | None, eta: str | None) -> dict[str, float]:
    """Return how long the task waited in the queue, in milliseconds."""
    if sent is None:
        return {}
    if eta:
        sent = max(sent, datetime.fromisoformat(eta).timestamp())
    return {"queue_wait_ms": round(max(time.time() - sent, 0) * 1000, 2)}


if environment().enabled:
    connect_signals()
