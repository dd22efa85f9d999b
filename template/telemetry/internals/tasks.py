"""Runs of tasks: the context of each, and the lines about its start and outcome."""

import time
from contextvars import ContextVar
from datetime import datetime
from logging import INFO
from typing import Any

from billiard.process import current_process
from celery.exceptions import Ignore, Reject, Retry

from .. import fields
from .errors import error_fields
from .mistakes import fields_from, level_from
from .record import get_logger
from .scope import Fields, Scope, current
from .task_header import HEADER, unpack
from .values import show

LOGGER = "telemetry.celery"

log = get_logger(LOGGER)

# The run that is going on, if it is one of a TelemetryTask.
current_run: ContextVar["TaskRun | None"] = ContextVar("telemetry_run", default=None)


class TaskRun:
    """One run of a task; `task.request.telemetry_run` as long as it lasts."""

    def __init__(self, task: Any, context: Fields) -> None:
        """Enter the context of the run, which `context` adds to, and log its start."""
        request = task.request
        sent, carried = unpack(request.get(HEADER))
        self.task = task
        self.id = request.id
        self.started = time.perf_counter()
        self.queue_wait_ms = _queue_wait(sent, request.eta)
        # Whether Celery has called the task, which may call itself as well.
        self.is_called = False
        self.is_finished = False
        # Whether the outcome has been written, or must not be.
        self.is_covered = False
        # The own fields of the last line, once it has been made.
        self.line: dict[str, Any] = {}
        carried = {**current(), **carried, **context}
        self.scope = _enter_scope(task, request, carried)
        request.telemetry_run = self
        self._outer = current_run.get()
        current_run.set(self)
        _write(task, "task_started", {"queue_wait_ms": self.queue_wait_ms})

    def finish(self, error: BaseException | None = None) -> None:
        """Log the outcome, what the task raised if it did; do nothing after that."""
        if self.is_finished or _ends_pool_process(error):
            return
        self.is_finished = True
        event, outcome = _outcome(self.task, error)
        duration_ms = round((time.perf_counter() - self.started) * 1000, 2)
        self.line = {"duration_ms": duration_ms, "queue_wait_ms": self.queue_wait_ms}
        self.line |= {**self.scope.last_fields(), **outcome}
        if not _write(self.task, event, self.line):
            self.is_covered = True

    def exit(self) -> None:
        """Restore the context as it was before the run."""
        current_run.set(self._outer)
        self.scope.exit()


def run_of(request: Any) -> TaskRun | None:
    """Return the run of a `task.request`, None if it has none.

    A publisher can send a header of that name, because headers become attributes.
    """
    run = getattr(request, "telemetry_run", None)
    return run if isinstance(run, TaskRun) else None


def report(task: Any, request: Any, event: str, **line: Any) -> None:
    """Log `event` of a task that does not run in this process, or never will."""
    task.request_stack.push(request)
    try:
        _, carried = unpack(request.get(HEADER))
        scope = _enter_scope(task, request, carried)
        try:
            _write(task, event, line)
        finally:
            scope.exit()
    finally:
        task.request_stack.pop()


def _enter_scope(task: Any, request: Any, carried: Fields) -> Scope:
    # A task that no request has sent gets a new request id.
    own_id = request.root_id or request.id
    context = {"request.id": carried.get("request.id", own_id)}
    fields_from(context, fields.task_fields, task, carried)
    context |= {"task.id": request.id, "task.name": task.name}
    return Scope(context, lambda: _line_fields(task), task)


def _line_fields(task: Any) -> dict[str, Any]:
    line: dict[str, Any] = {}
    fields_from(line, fields.task_line_fields, task)
    return line


def _outcome(task: Any, error: BaseException | None) -> tuple[str, dict[str, Any]]:
    """Return the event of a run that raised `error`, and its fields."""
    if error is None:
        return "task_completed", {}
    if isinstance(error, Ignore):
        return "task_ignored", {}
    if isinstance(error, Retry):
        return "task_retried", {"reason": show(error, str)}
    if isinstance(error, Reject):
        return "task_rejected", {"reason": getattr(error, "reason", None)}
    if isinstance(error, tuple(task.throws or ())):
        return "task_failed", error_fields(error)
    return "task_failed", {"exc_info": error}


def _write(task: Any, event: str, line: dict[str, Any]) -> bool:
    """Log `event` of the task, or return False if no line is wanted."""
    # Celery's own tasks poll and clean up; only a failure matters.
    if task.name.startswith("celery.") and event != "task_failed":
        return False
    level = level_from(line, fields.task_level, task, event)
    if level is None:
        return False
    if event == "task_failed" and "exc_info" not in line:  # It is in `throws`.
        level = min(level, INFO)
    fields_from(line, fields.task_event_fields, task, event)
    log.log(level, event, **{k: v for k, v in line.items() if v is not None})
    return True


def _queue_wait(sent: float | None, eta: str | None) -> float | None:
    """Return how long the task waited in the queue, in milliseconds."""
    if sent is None:
        return None
    try:
        due = max(sent, datetime.fromisoformat(eta).timestamp()) if eta else sent
    except (OverflowError, TypeError, ValueError):  # Not a time of Celery's.
        due = sent
    now = time.time()
    return round(max(0.0, min(now - due, now)) * 1000, 2)


def _ends_pool_process(error: BaseException | None) -> bool:
    """Return True if the pool's process ends; its parent reports that."""
    return isinstance(error, SystemExit) and hasattr(current_process(), "index")
