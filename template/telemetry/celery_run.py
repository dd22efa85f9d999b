"""One run of a task: its context, and how it started and ended."""

import os
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from celery import Task, states
from celery.exceptions import Ignore, Reject, Retry

from .celery_header import HEADER, unpack
from .context import Scope, current
from .environment import load
from .exceptions import exception_fields
from .logging import get_logger
from .redaction import redact_text

log = get_logger(f"{__package__}.celery")

_ATTRIBUTE = "telemetry_run"


@cache
def is_enabled() -> bool:
    """Whether TELEMETRY_ENABLED is true; read when the first task comes, after the settings."""
    return load(os.environ).enabled


def run_of(task: Any) -> "TaskRun | None":
    """Return the run of `task` that is going on in this thread."""
    return getattr(task.request_stack.top, _ATTRIBUTE, None)


class TaskRun:
    """Holds the context from before the task to after its callbacks, and says its outcome."""

    def __init__(self, task: Task[Any, Any], fields: Mapping[str, Any]) -> None:
        request = task.request
        self._task = task
        # Celery's own tasks poll and clean up; only their failures are of interest.
        self._quiet = task.name.startswith("celery.")
        self._begun = False
        self._surrounding = sys.exception()
        self._started = time.perf_counter()
        self._retries = request.retries
        sent, carried = unpack(request.get(HEADER))
        self._waited = _queue_wait(sent, request.eta)
        self._scope = Scope(
            {
                "request.id": request.root_id or request.id,
                **current(),
                **carried,
                **fields,
                "task.id": request.id,
                "task.name": task.name,
            }
        )
        setattr(request, _ATTRIBUTE, self)

    def begin(self) -> bool:
        """Say that the task starts; false if it has, and this is a call of its own."""
        if self._begun:
            return False
        self._begun = True
        if not self._quiet:
            log.info("task_started", **self._numbers())
        return True

    def finish(self, state: str | None, result: Any) -> None:
        """Say the outcome, and leave the context as it was."""
        error = _error(state, result, self._surrounding)
        fields = {"duration_ms": round((time.perf_counter() - self._started) * 1000, 2)}
        self._tell(error, {**fields, **self._numbers()})
        self._scope.exit()

    def _tell(self, error: BaseException | None, fields: dict[str, Any]) -> None:
        if error is not None and isinstance(error, self._task.throws or ()):
            named = exception_fields(error)
            del named["exception"]
            log.info("task_failed", **named, **fields)
        elif not isinstance(error, Ignore | Reject | Retry | None):
            log.error("task_failed", exc_info=error, **fields)
        elif self._quiet:
            return
        elif isinstance(error, Retry):
            log.warning("task_retried", reason=redact_text(str(error)), **fields)
        elif isinstance(error, Reject):
            log.warning("task_rejected", reason=redact_text(str(error.reason)), requeue=error.requeue, **fields)
        elif isinstance(error, Ignore):
            log.info("task_ignored", **fields)
        else:
            log.info("task_completed", **fields)

    def _numbers(self) -> dict[str, Any]:
        waited = {} if self._waited is None else {"queue_wait_ms": self._waited}
        return {"task.retries": self._retries, **waited}


def _error(state: str | None, result: Any, surrounding: BaseException | None) -> BaseException | None:
    """Return what the task raised, be it on its way still, or kept as the result."""
    raised = sys.exception()
    if raised is not surrounding:
        return raised
    return result if state != states.SUCCESS and isinstance(result, BaseException) else None


def _queue_wait(sent: float | None, eta: str | None) -> float | None:
    """Return how long the task could have been run and was not, in milliseconds."""
    if sent is None:
        return None
    if eta:
        sent = max(sent, datetime.fromisoformat(eta).timestamp())
    return round(max(time.time() - sent, 0) * 1000, 2)
