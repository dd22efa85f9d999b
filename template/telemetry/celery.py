"""The task class: the caller's context in each task, lines for each run."""

import json
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from datetime import datetime
from typing import Any

from billiard.process import current_process
from celery import states
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore, Reject, Retry
from celery.signals import (
    before_task_publish,
    task_failure,
    task_postrun,
    task_prerun,
    task_revoked,
)

from . import celery_worker
from .context import Scope, current, current_scope
from .environment import is_enabled
from .fields import Fields, task_fields, task_level, task_line_fields
from .formatters import exception_fields
from .logging import get_logger
from .values import clean

log = get_logger("telemetry.celery")

# The message's header with the time of sending and the caller's context.
HEADER = "telemetry"
# In characters. Longer values are not sent.
MAX_VALUE = 200
# Arguments that set fields of the context; no task ever sees them.
CONTEXT_ARGUMENTS = {"_request_id": "request.id", "_user_id": "user.id"}

_NOT_INHERITED = ("task.id", "task.name")
# The latest failures that were reported from outside their process.
_lost: deque[str] = deque(maxlen=100)
# The attribute of a task's request that holds its run.
_RUN = "telemetry_run"


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
        if not self.request.called_directly and not fields:
            return self.run(*args, **kwargs)
        with _scope(fields):
            return super().__call__(*args, **kwargs)

    def apply_async(
        self, args: Any = None, kwargs: Any = None, *positional: Any, **options: Any
    ) -> Any:
        fields, kwargs = _split(kwargs or {})
        publish = super().apply_async
        with _scope(fields) if fields else nullcontext():
            # In a copy, so that a failed publish leaves nothing in the context.
            return copy_context().run(publish, args, kwargs, *positional, **options)

    def apply(
        self, args: Any = None, kwargs: Any = None, *positional: Any, **options: Any
    ) -> Any:
        fields, kwargs = _split(kwargs or {})
        with _scope(fields) if fields else nullcontext():
            return super().apply(args, kwargs, *positional, **options)


class TaskRun:
    """One run of a task: its context, and how it started and ended."""

    def __init__(self, task: Any, given: Fields) -> None:
        request = task.request
        sent, carried = unpack(request.get(HEADER))
        carried = {**current(), **carried, **given}
        self._task = task
        # Celery's own tasks poll and clean up; only a failure matters.
        self._is_quiet = task.name.startswith("celery.")
        self._surrounding = sys.exception()
        self._started = time.perf_counter()
        self._wait = _queue_wait(sent, request.eta)
        self.scope = Scope(task_fields(task, carried))
        setattr(request, _RUN, self)
        self._write("task_started", {})

    def finish(self, state: str | None, result: Any) -> None:
        """Log the outcome."""
        seconds = time.perf_counter() - self._started
        ended = {"duration_ms": round(seconds * 1000, 2), **self.scope.ending()}
        error = self._error(state, result)
        if error is None:
            self._write("task_completed", ended)
        elif isinstance(error, Retry):
            self._write("task_retried", {"reason": str(error), **ended})
        elif isinstance(error, Reject):
            text, requeue = error.args
            reason = {"reason": str(text), "requeue": requeue}
            self._write("task_rejected", {**reason, **ended})
        elif isinstance(error, Ignore):
            self._write("task_ignored", ended)
        elif isinstance(error, self._task.throws or ()):
            named = exception_fields(error)
            del named["exception"]
            self._write("task_failed", {**named, **ended}, logging.INFO)
        elif not _ends_pool_process(error):
            self._is_quiet = False
            self._write("task_failed", {**ended, "exc_info": error})

    def _write(self, event: str, fields: Fields, level: int | None = None) -> None:
        level = level or task_level(self._task, event)
        if level is not None and not self._is_quiet:
            own = {**task_line_fields(self._task), **self._wait}
            log.log_fields(level, event, {**fields, **own})

    def _error(self, state: str | None, result: Any) -> BaseException | None:
        """Return what the task raised, on its way or as the result."""
        raised = sys.exception()
        if raised is not self._surrounding:
            return raised
        if state == states.SUCCESS or not isinstance(result, BaseException):
            return None
        return result


def run_of(task: Any) -> TaskRun | None:
    """Return the run of `task` that is going on in this thread."""
    return getattr(task.request, _RUN, None)


def pack(fields: Fields) -> str:
    """Return the time and `fields` as text that every broker can carry."""
    kept = {
        key: value
        for key, value in clean(dict(fields)).items()
        if key not in _NOT_INHERITED and len(str(value)) <= MAX_VALUE
    }
    return json.dumps([time.time(), kept], default=str)


def unpack(header: Any) -> tuple[float | None, Fields]:
    """Return when the message was sent, in Unix time, and what it carries."""
    try:
        sent, fields = json.loads(header)
        return float(sent), dict(fields)
    except (TypeError, ValueError, RecursionError):  # Not our header.
        return None, {}


@before_task_publish.connect
def _send_context(headers: dict[str, Any], **_: object) -> None:
    if is_enabled(os.environ):
        headers[HEADER] = pack(current())


@task_prerun.connect
def enter(task: Any, kwargs: Mapping[str, Any], **_: object) -> None:
    if isinstance(task, TelemetryTask) and is_enabled(os.environ):
        TaskRun(task, _split(kwargs)[0])


@task_postrun.connect
def _exit(task: Any, state: str | None, retval: Any, **_: object) -> None:
    if isinstance(task, TelemetryTask) and (run := run_of(task)):
        try:
            run.finish(state, retval)
        finally:
            run.scope.exit()


@task_failure.connect
def _report_lost(
    sender: Any, task_id: str, exception: BaseException, **_: object
) -> None:
    """Report a failure that the task's own process cannot report."""
    if not isinstance(sender, TelemetryTask) or not is_enabled(os.environ):
        return
    if run_of(sender) is None and not isinstance(exception, Reject):
        failure = f"{task_id} {exception!r}"
        if failure in _lost:  # Celery sends a hard time limit twice.
            return
        _lost.append(failure)
        celery_worker.mark_reported(exception)
        # Only the worker has loaded it.
        state: Any = sys.modules.get("celery.worker.state")
        request = state and state.requests.get(task_id)
        with _reported(sender, request or sender.request, task_id):
            log.error("task_failed", exc_info=exception)


@task_revoked.connect
def _report_revoked(sender: Any, request: Any, **named: Any) -> None:
    if isinstance(sender, TelemetryTask) and is_enabled(os.environ):
        fields = {name: named[name] for name in ("terminated", "expired")}
        with _reported(sender, request, request.id):
            log.warning("task_revoked", **fields)


@contextmanager
def _reported(task: Any, request: Any, task_id: str) -> Iterator[None]:
    """Run a block in the context of a task that runs elsewhere, or never."""
    message = getattr(request, "request_dict", None) or vars(request)
    _, carried = unpack(message.get(HEADER))
    with _scope(
        {
            "request.id": message.get("root_id") or task_id,
            **carried,
            "task.id": task_id,
            "task.name": task.name,
        }
    ):
        yield


def _split(kwargs: Mapping[str, Any]) -> tuple[Fields, dict[str, Any]]:
    """Return the fields that `kwargs` set, and the task's own arguments."""
    own, fields = dict(kwargs), {}
    if own.keys().isdisjoint(CONTEXT_ARGUMENTS):
        return {}, own
    for name, field in CONTEXT_ARGUMENTS.items():
        value = own.pop(name, None)
        if value is not None:
            fields[field] = value
    return fields, own


@contextmanager
def _scope(fields: Fields) -> Iterator[None]:
    """Run a block with `fields`; what it binds itself ends with it."""
    outer = current_scope()
    scope = Scope({**current(), **fields})
    if outer is not None:
        scope.collect_for(outer)
    try:
        yield
    finally:
        scope.exit()


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
