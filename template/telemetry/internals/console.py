"""The handler of the console: each line in one piece, to the current stream."""

import logging
import os
import re
import stat
import sys
from typing import Any, TextIO

from django.conf import settings

from ..logging import PROCESSORS
from .environment import environment
from .formatters import JsonFormatter, LineFormatter, PrettyFormatter, escape

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None

_NON_ASCII = re.compile("[^\x00-\x7f]")


def console_formatter() -> LineFormatter:
    """Return the formatter of LOG_FORMAT; pretty has colour on a terminal.

    Called when Django applies LOGGING, after DEBUG has been set.
    """
    debug = settings.configured and settings.DEBUG
    default = "pretty" if debug else "json"
    if (environment().log_format or default) == "json":
        return JsonFormatter(PROCESSORS)
    stream: TextIO | None = getattr(sys, environment().log_stream)
    has_colors = stream is not None and stream.isatty() and os.name == "posix"
    return PrettyFormatter(PROCESSORS, has_colors and "NO_COLOR" not in os.environ)


class ConsoleHandler(logging.Handler):
    """Writes to the current `sys.stdout` or `sys.stderr`, or to `pinned`."""

    def __init__(self, stream: str = "stdout") -> None:
        super().__init__()
        self.stream_name = stream
        self.pinned: TextIO | None = None
        # The stream of the previous line, and its file descriptor if it is a pipe.
        self._stream: TextIO | None = None
        self._pipe: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if text := self.format(record):
                self._write(text)
        except Exception:
            self.handleError(record)

    def _write(self, text: str) -> None:
        stream = self.pinned or getattr(sys, self.stream_name)
        if stream is not self._stream:
            self._stream, self._pipe = stream, _pipe(stream)
        if self._pipe is not None:
            # Take turns with other processes, such as gunicorn's workers, because
            # only 4 KiB go into a pipe in one piece, and tracebacks are longer.
            fcntl.lockf(self._pipe, fcntl.LOCK_EX)
        try:
            try:
                stream.write(f"{text}\n")
            except UnicodeEncodeError:
                stream.write(f"{escape(text, _NON_ASCII)}\n")
            finally:
                stream.flush()
        finally:
            if self._pipe is not None:
                fcntl.lockf(self._pipe, fcntl.LOCK_UN)


def _pipe(stream: TextIO) -> int | None:
    """Return the file descriptor of `stream` if it is a pipe."""
    try:
        fd = stream.fileno()
        return fd if fcntl and stat.S_ISFIFO(os.fstat(fd).st_mode) else None
    except (AttributeError, OSError, ValueError):  # Not a file, or closed.
        return None
