"""One run of a task: its context, and how it started and ended."""

import sys
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from billiard.process import current_process
from celery import states
from celery.exceptions import Ignore, Reject, Retry

from .celery_message import HEADER, task_fields, unpack
from .context import Scope
from .exceptions import exception_fields
from .logging import get_logger
from .redaction import redact_text

log = get_logger(f"{__package__}.celery")

_ATTRIBUTE = "telemetry_run"


def run_of(task: Any) -> "TaskRun | None":
    """Return the run of `task` that is going on in this thread."""
    return getattr(task.request_stack.top, _ATTRIBUTE, None)


class TaskRun:
    """Holds the context until all callbacks are sent, and says the outcome."""

    def __init__(self, task: Any, given: Mapping[str, Any]) -> None:
        request = task.request
        sent, carried = unpack(request.get(HEADER))
        self._throws = task.throws or ()
        # Celery's own tasks poll and clean up; only a failure is of interest.
        self._quiet = task.name.startswith("celery.")
        self._numbers = {
            "task.retries": request.retries,
            **_queue_wait(sent, request.eta),
        }
        self._surrounding = sys.exception()
        self._started = time.perf_counter()
        self._scope = Scope(task_fields(vars(request), {**carried, **given}))
        setattr(request, _ATTRIBUTE, self)

    def start(self) -> None:
        if not self._quiet:
            log.info("task_started", **self._numbers)

    def finish(self, state: str | None, result: Any) -> None:
        """Say the outcome, and leave the context as it was."""
        duration = time.perf_counter() - self._started
        fields = {"duration_ms": round(duration * 1000, 2), **self._numbers}
        error = self._error(state, result)
        if error is None or isinstance(error, Ignore | Reject | Retry):
            if not self._quiet:
                _tell_end(error, fields)
        elif isinstance(error, self._throws):
            named = exception_fields(error)
            del named["exception"]
            log.info("task_failed", **named, **fields)
        elif not _ends_pool_process(error):
            log.error("task_failed", exc_info=error, **fields)
        self._scope.exit()

    def _error(self, state: str | None, result: Any) -> BaseException | None:
        """Return what the task raised, be it on its way or the result."""
        raised = sys.exception()
        if raised is not self._surrounding:
            return raised
        if state == states.SUCCESS or not isinstance(result, BaseException):
            return None
        return result


def _tell_end(reason: Any, fields: Mapping[str, Any]) -> None:
    if isinstance(reason, Retry):
        log.warning("task_retried", reason=redact_text(str(reason)), **fields)
    elif isinstance(reason, Reject):
        text, requeue = reason.args
        text = redact_text(str(text))
        log.warning("task_rejected", reason=text, requeue=requeue, **fields)
    elif isinstance(reason, Ignore):
        log.info("task_ignored", **fields)
    else:
        log.info("task_completed", **fields)


def _ends_pool_process(error: BaseException) -> bool:
    """Whether the process ends with the task, which the worker will tell."""
    in_pool = hasattr(current_process(), "index")
    return in_pool and isinstance(error, SystemExit)


def _queue_wait(sent: float | None, eta: str | None) -> dict[str, float]:
    """How long the task could have been run and was not, in milliseconds."""
    if sent is None:
        return {}
    if eta:
        sent = max(sent, datetime.fromisoformat(eta).timestamp())
    return {"queue_wait_ms": round(max(time.time() - sent, 0) * 1000, 2)}
