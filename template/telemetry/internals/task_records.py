"""Celery's own records about tasks: which are left out, and what the rest show."""

import copy
import logging

from .redaction import REDACTED
from .tasks import LOGGER, current_run

# Functions of Celery whose records quote a message, and so the task's arguments.
QUOTING = {
    "apply_async",  # Of the pool, at DEBUG.
    "on_decode_error",
    "on_invalid_task",
    "on_unknown_message",
    "on_unknown_task",
}


class TaskFilter(logging.Filter):
    """Leaves out Celery's record about an outcome that one of our lines has."""

    def __init__(self) -> None:
        super().__init__()
        # From our last line about a process that was lost.
        self._error: BaseException | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == LOGGER:
            if run := current_run.get():
                run.is_covered = run.is_covered or run.is_finished
            elif record.exc_info:
                self._error = record.exc_info[1]
        elif record.name == "celery.app.trace":
            run, data = current_run.get(), vars(record).get("data")
            if run and run.is_covered and isinstance(data, dict):
                return bool(data.get("id") != run.id)
        elif self._error and record.name == "celery.worker.request":
            args, error = record.args or (), self._error
            self._error = None
            return not any(arg is error for arg in args)
        return True


def without_arguments(record: logging.LogRecord) -> logging.LogRecord:
    """Return Celery's record as our lines show it, a copy where that differs.

    It has `task.id` and `task.name`, and no arguments of the task.
    """
    if not str(record.name).startswith("celery."):
        return record
    data, args = vars(record).get("data"), record.args
    if not isinstance(args, tuple):
        args = ()
    tasks = [each for each in (data, *args) if isinstance(each, dict) and "id" in each]
    if not tasks and record.funcName not in QUOTING:
        return record
    shown = copy.copy(record)
    fields = vars(shown)
    if tasks:
        fields.pop("data", None)
        fields["task.id"] = tasks[0]["id"]
        fields["task.name"] = tasks[0].get("name") or tasks[0].get("task")
    if args and not data:
        shown.args = (REDACTED,) * len(args)
    return shown
