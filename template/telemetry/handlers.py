"""The handler: one line, one write; no error, and no endless wait."""

import logging
import os
import stat
import sys
import time
import traceback
from contextlib import suppress
from typing import Any, TextIO, cast

from . import pipes
from .access_log import is_replaced
from .formatters import LineFormatter, escape_non_ascii
from .lines import WRITTEN_ATTRIBUTE, line_of

# In seconds: how long a line waits for the reader of a full pipe, and how
# often a long one looks whether it fits.
MAX_WAIT = 1.0
PAUSE = 0.01

_WARNING = {"levelname": "WARNING", "levelno": logging.WARNING}


class StdoutHandler(logging.Handler):
    """Writes lines to `stream`, stdout unless given, without a buffer.

    One line is one `write`, so that processes and threads that share a pipe
    or a file keep their lines whole. A line that cannot be written is lost,
    and counted in `dropped`; the next one tries again, and when one succeeds,
    a warning tells how many were lost.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self.stream = stream if stream is not None else sys.stdout
        self.color = _wants_color(self.stream)
        self.dropped = 0
        self._told = 0
        self._stalled = False
        self._torn = False
        self._fd, mode = _descriptor(self.stream)
        self._is_pipe = stat.S_ISFIFO(mode)
        self._can_be_full = self._is_pipe or stat.S_ISSOCK(mode)
        if self._fd is not None and self._is_pipe:
            pipes.widen(self._fd)

    def emit(self, record: logging.LogRecord) -> None:
        if record.__dict__.get(WRITTEN_ATTRIBUTE) is self:
            return
        try:
            if is_replaced(record):
                return
            if isinstance(self.formatter, LineFormatter):
                self.write_line(line_of(record))
            else:
                text = f"{self.format(record)}\n"
                self.write(text.encode("utf-8", "backslashreplace"))
        except Exception:
            complain()

    def write_line(self, line: dict[str, Any]) -> None:
        """Render and write `line`, past `logging`."""
        formatter = cast(LineFormatter, self.formatter)
        self.write(formatter.render(line, color=self.color))

    def write(self, line: bytes) -> None:
        """Write `line`, or drop it when there is nobody to read it."""
        try:
            if self._fd is None:
                written = self._write_text(line.decode())
            elif _is_closed(self.stream):
                written = False
            elif self._is_pipe and len(line) > pipes.ATOMIC:
                written = self._write_long(self._fd, line)
            elif self._can_be_full and not self._is_writable(self._fd):
                written = False
            else:
                written = self._write(self._fd, line)
        except Exception:
            written = False
        if not written:
            self._count_dropped()
        elif self.dropped > self._told:
            self._tell_dropped()

    def _write(self, fd: int, line: bytes) -> bool:
        if self._torn:
            line = b"\n" + line
        done = 0
        try:
            while done < len(line):
                try:
                    done += os.write(fd, line[done:])
                except BlockingIOError:
                    if not self._is_writable(fd):
                        return False
        finally:
            # What comes after a part of a line starts on a line of its own.
            if done:
                self._torn = done < len(line)
        return True

    def _write_long(self, fd: int, line: bytes) -> bool:
        """Write when all of it fits at once: no other line gets between."""
        end = time.monotonic() + (0 if self._stalled else MAX_WAIT)
        while True:
            self.acquire()
            try:
                with pipes.locked(fd):
                    if pipes.has_room(fd, len(line)):
                        self._stalled = False
                        return self._write(fd, line)
            finally:
                self.release()
            if time.monotonic() >= end:
                self._stalled = True
                return False
            time.sleep(PAUSE)

    def _write_text(self, text: str) -> bool:
        try:
            self.stream.write(text)
        except UnicodeEncodeError:
            self.stream.write(escape_non_ascii(text))
        self.stream.flush()
        return True

    def _is_writable(self, fd: int) -> bool:
        # After a dropped line nothing waits until somebody reads again.
        wait = 0 if self._stalled else MAX_WAIT
        self._stalled = not pipes.is_writable(fd, wait)
        return not self._stalled

    def _count_dropped(self) -> None:
        self.acquire()
        self.dropped += 1
        self.release()

    def _tell_dropped(self) -> None:
        self.acquire()
        count, self._told = self.dropped - self._told, self.dropped
        self.release()
        if count:
            told = {"name": __name__, "msg": "lines_dropped", "count": count}
            self.emit(logging.makeLogRecord({**_WARNING, **told}))


def complain() -> None:
    """Print an error of logging itself to stderr, where `logging` would."""
    if logging.raiseExceptions:
        with suppress(Exception):
            traceback.print_exc(file=sys.stderr)


def _descriptor(stream: TextIO) -> tuple[int | None, int]:
    """The stream's descriptor, if any, and its mode."""
    try:
        fd = stream.fileno()
        return fd, os.fstat(fd).st_mode
    except (AttributeError, OSError, ValueError):
        return None, 0


def _is_closed(stream: TextIO) -> bool:
    try:
        return stream.closed
    except ValueError:  # Detached: another stream has the descriptor now.
        return False


def _wants_color(stream: TextIO) -> bool:
    try:
        return stream.isatty() and not os.environ.get("NO_COLOR")
    except (AttributeError, ValueError):
        return False
