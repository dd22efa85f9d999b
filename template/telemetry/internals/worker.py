"""The worker's own output: through `logging`, once, in our format."""

import logging
import logging.handlers
import os
import sys
from typing import Any

from celery import current_app, signals
from celery.utils.log import get_logger, get_multiprocessing_logger

from .console import ConsoleHandler
from .formatters import JsonFormatter, LineFormatter
from .record import VIEWS
from .servers import is_configured
from .task_records import without_arguments


class LogFile(logging.handlers.WatchedFileHandler):
    """The file that `--logfile` names, in place of the console."""


def keep_handlers() -> None:
    """Keep our handlers in a worker, by its signals. A second call does nothing."""
    if without_arguments not in VIEWS:
        VIEWS.append(without_arguments)
    if is_configured():
        signals.celeryd_init.connect(leave_out_banner)
        # Celery replaces the handlers where this signal has no receiver.
        signals.setup_logging.connect(set_up_logging)
        signals.celeryd_after_setup.connect(redirect_prints)
        signals.worker_process_init.connect(redirect_prints_of_process)


def leave_out_banner(instance: Any, **_: object) -> None:
    if any(isinstance(console.formatter, JsonFormatter) for console in _consoles()):
        instance.quiet = True


def set_up_logging(
    loglevel: Any, logfile: str | None, format: str, colorize: Any, **_: object
) -> None:
    """Do what else Celery does here: its file, its pool's logger, its signals."""
    if logfile:
        for handler in _consoles():
            _write_to_file(handler, logfile)
    # What the pool logs about its processes does not reach the root logger.
    if pool := get_multiprocessing_logger():
        pool.propagate = True
        pool.setLevel(logging.ERROR)
    options = {"loglevel": loglevel, "logfile": logfile, "colorize": colorize}
    signals.after_setup_logger.send(
        sender=None, logger=logging.root, format=format, **options
    )
    signals.after_setup_task_logger.send(
        sender=None,
        logger=get_logger("celery.task"),
        format=current_app.conf.worker_task_log_format,
        **options,
    )


def redirect_prints(instance: Any, **_: object) -> None:
    """Make lines of what tasks print, as Celery does if it sets up logging."""
    if instance.redirect_stdouts:
        _redirect(instance.redirect_stdouts_level)


def redirect_prints_of_process(**_: object) -> None:
    """Do the same in a process of the pool that starts anew, as on macOS."""
    if os.environ.get("CELERY_LOG_REDIRECT"):  # Celery sets it for its processes.
        _redirect(os.environ.get("CELERY_LOG_REDIRECT_LEVEL"))


def _redirect(level: Any) -> None:
    for console in _consoles():
        if isinstance(console, ConsoleHandler) and console.pinned is None:
            # Because `sys.stdout` is about to become a logger.
            console.pinned = getattr(sys, console.stream_name)
    current_app.log.redirect_stdouts(level)


def _consoles() -> list[logging.Handler]:
    """Return our console's handler, or the file in its place."""
    kinds = ConsoleHandler, LogFile
    return [each for each in logging.root.handlers if isinstance(each, kinds)]


def _write_to_file(handler: logging.Handler, logfile: str) -> None:
    """Replace `handler` by one that writes the same lines to a file."""
    file = LogFile(logfile, encoding="utf-8")
    file.setLevel(handler.level)
    formatter = handler.formatter
    if isinstance(formatter, LineFormatter):
        # A new one, because that of a terminal has colours.
        file.setFormatter(type(formatter)(formatter.processors))
    for each in handler.filters:
        file.addFilter(each)
    logging.root.removeHandler(handler)
    logging.root.addHandler(file)
