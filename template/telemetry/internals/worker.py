"""The worker's own output: through `logging`, once, in our format."""

import logging
import logging.handlers
import sys
from typing import Any

from celery import current_app, current_task
from celery.signals import celeryd_init, import_modules, setup_logging
from celery.utils.log import get_multiprocessing_logger
from django.conf import settings

from .console import ConsoleHandler, console_formatter
from .environment import environment
from .servers import is_configured

_REPORTED = "telemetry_reported"


class TaskNameFilter(logging.Filter):
    """Adds the task's id and name; drops Celery's `data`, which has arguments."""

    def filter(self, record: logging.LogRecord) -> bool:
        data = vars(record).pop("data", None)
        for arg in record.args if isinstance(record.args, tuple) else ():
            if isinstance(arg, dict) and "task" in arg:  # Of an unregistered task.
                data = {"id": arg.get("id"), "name": arg["task"]}
        if isinstance(data, dict):
            vars(record)["task.id"] = data.get("id")
            vars(record)["task.name"] = data.get("name")
        return True


class TaskFilter(TaskNameFilter):
    """Drops Celery's record about a run that one of our lines covers."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("celery."):
            return True
        is_left_out = self._is_left_out(record)
        super().filter(record)
        return is_left_out

    def _is_left_out(self, record: logging.LogRecord) -> bool:
        data = record.__dict__.get("data")
        if isinstance(data, dict):
            run: Any = getattr(current_task, "request", None)
            return not (hasattr(run, "telemetry_run") and run.id == data["id"])
        args = record.args if isinstance(record.args, tuple) else ()
        if any(hasattr(arg, _REPORTED) for arg in args):
            return False
        text = str(record.msg)
        if text.startswith(("Discarding revoked task", "Hard time limit")):
            task = current_app.tasks.get(str(args[-2]))
            return not hasattr(task, "telemetry_reports")
        return True


def mark_reported(error: BaseException) -> None:
    """Remember that `task_failed` has this error; the worker logs it too."""
    setattr(error, _REPORTED, True)


@import_modules.connect
def _keep_handlers(**_: object) -> None:
    """Connect before Celery sets up logging, once settings have been read."""
    if environment().enabled:
        setup_logging.connect(_set_up_logging)


def _set_up_logging(logfile: str | None = None, **_: object) -> None:
    """Celery leaves handlers alone when this signal has a receiver."""
    if not is_configured():
        return
    handlers = logging.root.handlers
    consoles = [each for each in handlers if isinstance(each, ConsoleHandler)]
    for console in consoles:
        # `sys.stdout` is about to become a logger.
        console.pinned = getattr(sys, console.stream_name)
        if logfile:
            file = logging.handlers.WatchedFileHandler(logfile, encoding="utf-8")
            file.setFormatter(console_formatter())
            file.setLevel(console.level)
            logging.root.removeHandler(console)
            logging.root.addHandler(file)
    # What the pool logs about its processes does not reach the root logger.
    if pool := get_multiprocessing_logger():
        pool.propagate = True
        pool.setLevel(logging.ERROR)
    if current_app.conf.worker_redirect_stdouts:
        current_app.log.redirect_stdouts_to_logger(
            logging.getLogger("celery.redirected"),
            current_app.conf.worker_redirect_stdouts_level,
        )


@celeryd_init.connect
def _leave_out_banner(instance: Any, **_: object) -> None:
    if environment().enabled and environment().log_format == "json":
        instance.quiet = True


if settings.configured:
    # A `task_cls` given by its name is imported after that signal.
    _keep_handlers()
