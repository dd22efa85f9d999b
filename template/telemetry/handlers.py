"""The handler: one line, one write; no error, and no endless wait."""

import io
import logging
import os
import stat
import sys
import time
import traceback
from contextlib import suppress
from typing import Any, TextIO

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
        self._file: Any
        self._file, mode = _open_file(self.stream)
        self._put = self._put_bytes
        if self._file is None:
            self._put = self._put_text
        elif stat.S_ISSOCK(mode):
            self._put = self._put_when_ready
        elif stat.S_ISFIFO(mode):
            self._put = self._put_into_pipe
            pipes.widen(self._file)

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
        formatter: Any = self.formatter
        self.write(formatter.render(line, color=self.color))

    def write(self, line: bytes) -> None:
        """Write `line`, or drop it when there is nobody to read it."""
        try:
            written = self._put(line)
        except Exception:
            written = False
        if not written:
            self._count_dropped()
        elif self.dropped > self._told:
            self._tell_dropped()

    def _put_bytes(self, line: bytes) -> bool:
        if self._torn:
            # What comes after a part of a line starts on a line of its own.
            line = b"\n" + line
        while (written := self._file.write(line)) != len(line):
            # Nothing, not 0, is written where it would have to wait.
            if written:
                line = line[written:]
                self._torn = True
            if not self._is_writable():
                return False
        self._torn = False
        return True

    def _put_when_ready(self, line: bytes) -> bool:
        return self._is_writable() and self._put_bytes(line)

    def _put_into_pipe(self, line: bytes) -> bool:
        if len(line) <= pipes.ATOMIC:
            return self._put_when_ready(line)
        # It waits until all of it fits: no other line gets between.
        end = time.monotonic() + (0 if self._stalled else MAX_WAIT)
        while True:
            self.acquire()
            try:
                with pipes.locked(self._file):
                    if pipes.has_room(self._file, len(line)):
                        self._stalled = False
                        return self._put_bytes(line)
            finally:
                self.release()
            if time.monotonic() >= end:
                self._stalled = True
                return False
            time.sleep(PAUSE)

    def _put_text(self, line: bytes) -> bool:
        text = line.decode()
        try:
            self.stream.write(text)
        except UnicodeEncodeError:
            self.stream.write(escape_non_ascii(text))
        self.stream.flush()
        return True

    def _is_writable(self) -> bool:
        # After a dropped line nothing waits until somebody reads again.
        wait = 0 if self._stalled else MAX_WAIT
        self._stalled = not pipes.is_writable(self._file, wait)
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


def _open_file(stream: TextIO) -> tuple[io.FileIO | None, int]:
    """The file below the buffers of `stream`, which it outlives; its mode."""
    try:
        buffer = stream.buffer
        file = getattr(buffer, "raw", buffer)
        if isinstance(file, io.FileIO):
            return file, os.fstat(file.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        pass
    return None, 0


def _wants_color(stream: TextIO) -> bool:
    try:
        return stream.isatty() and not os.environ.get("NO_COLOR")
    except (AttributeError, ValueError):
        return False
