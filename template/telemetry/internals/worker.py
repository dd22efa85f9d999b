"""The worker's own output: through `logging`, once, in our format."""

import logging
import logging.handlers
import sys
from typing import Any

from celery import current_app, signals
from celery.utils.log import get_logger, get_multiprocessing_logger

from .environment import environment
from .record import VIEWS
from .servers import is_configured
from .task_records import without_arguments


class LogFile(logging.handlers.WatchedFileHandler):
    """The file that `--logfile` names, in the place of the console."""


def keep_handlers() -> None:
    """Keep our handlers in a worker, by its signals. A second call does nothing."""
    if without_arguments not in VIEWS:
        VIEWS.append(without_arguments)
    signals.celeryd_init.connect(leave_out_banner)
    signals.celeryd_after_setup.connect(redirect_prints)
    if is_configured():
        # Celery replaces the handlers where this signal has no receiver.
        signals.setup_logging.connect(set_up_logging)


def set_up_logging(logfile: str | None = None, **options: Any) -> None:
    if logfile:
        for handler in logging.root.handlers[:]:
            if hasattr(handler, "pinned") or isinstance(handler, LogFile):
                _replace(handler, logfile)
    # What the pool logs about its processes does not reach the root logger.
    if pool := get_multiprocessing_logger():
        pool.propagate = True
        pool.setLevel(logging.ERROR)
    options |= {"sender": None, "logfile": logfile}
    del options["signal"]
    signals.after_setup_logger.send(logger=logging.root, **options)
    options["format"] = current_app.conf.worker_task_log_format
    signals.after_setup_task_logger.send(logger=get_logger("celery.task"), **options)


def redirect_prints(instance: Any, **_: object) -> None:
    """Make lines of what tasks print, as Celery does if it sets up logging."""
    if instance.redirect_stdouts and is_configured():
        consoles: list[Any] = logging.root.handlers
        for console in consoles:
            if hasattr(console, "pinned"):
                # Because `sys.stdout` is about to become a logger.
                console.pinned = getattr(sys, console.stream_name)
        current_app.log.redirect_stdouts(instance.redirect_stdouts_level)


def leave_out_banner(instance: Any, **_: object) -> None:
    if is_configured() and environment().log_format == "json":
        instance.quiet = True


def _replace(handler: logging.Handler, logfile: str) -> None:
    """Write what `handler` has written into a file."""
    file = LogFile(logfile, encoding="utf-8")
    file.setFormatter(handler.formatter)
    file.setLevel(handler.level)
    for each in handler.filters:
        file.addFilter(each)
    logging.root.removeHandler(handler)
    logging.root.addHandler(file)
