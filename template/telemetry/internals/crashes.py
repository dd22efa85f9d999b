"""Uncaught exceptions and warnings: lines in place of raw text on stderr."""

import logging
import sys
import threading
import warnings
from functools import cache
from types import TracebackType
from typing import Any

from .record import get_logger
from .servers import is_configured

log = get_logger("telemetry.crashes")

# An exception that has a line already, of a command for example.
logged_error: BaseException | None = None


@cache
def log_uncaught() -> None:
    """Log uncaught exceptions and warnings; a second call changes nothing.

    Hooks that others have installed before are called after the line. Python's
    own write only what has no line.
    """
    previous = sys.excepthook
    previous_for_threads = threading.excepthook

    def log_crash(
        kind: type[BaseException],
        error: BaseException,
        traceback: TracebackType | None,
    ) -> None:
        has_line = _log(logging.CRITICAL, "process_crashed", error)
        if not has_line or previous is not sys.__excepthook__:
            previous(kind, error, traceback)

    def log_thread_crash(args: threading.ExceptHookArgs) -> None:
        fields = {"thread.name": args.thread.name if args.thread else None}
        has_line = _log(logging.ERROR, "thread_crashed", args.exc_value, **fields)
        if not has_line or previous_for_threads is not threading.__excepthook__:
            previous_for_threads(args)

    sys.excepthook, threading.excepthook = log_crash, log_thread_crash
    # A function of the project's own stays; Python 3.14 moved its own one.
    if warnings.showwarning.__module__ in ("warnings", "_py_warnings"):
        logging.captureWarnings(True)


def _log(level: int, event: str, error: BaseException | None, **fields: Any) -> bool:
    """Return True if a line has `error`.

    None has it where a person sits at an interactive prompt, and of exceptions
    that end a process or a thread as they should.
    """
    if error is None or isinstance(error, KeyboardInterrupt | SystemExit):
        return False
    if hasattr(sys, "ps1") or not is_configured() or not log.isEnabledFor(level):
        return False
    if error is not logged_error:
        log.log(level, event, exc_info=error, **fields)
    return True
