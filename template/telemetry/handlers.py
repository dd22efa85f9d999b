"""The handler: one line, one write to stdout; never an error, and no endless wait."""

import logging
import os
import select
import stat
import sys
from typing import Any, TextIO

from .access_log import is_replaced
from .formatters import LineFormatter
from .lines import WRITTEN_ATTRIBUTE, line_of

# In seconds: how long one line waits for the reader of a full pipe before it is dropped.
MAX_WAIT = 1.0


class StdoutHandler(logging.Handler):
    """Writes lines to `stream`, which is stdout unless given, without a buffer in between.

    One line is one `write`, so that processes and threads that share a pipe or a file
    keep their lines whole (on a pipe, up to its `PIPE_BUF`, 4096 bytes on Linux).
    A line that cannot be written is lost, and the next one tries again.
    """

    def __init__(self, stream: TextIO | None = None, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.stream = stream if stream is not None else sys.stdout
        self.color = _wants_color(self.stream)
        self.dropped = 0
        self._fd, self._can_be_full = _descriptor(self.stream)
        self._stalled = False
        self._torn = False

    @property
    def direct(self) -> bool:
        """Whether `write_line` does all that `handle` would do."""
        return not self.filters and isinstance(self.formatter, LineFormatter)

    def emit(self, record: logging.LogRecord) -> None:
        if record.__dict__.get(WRITTEN_ATTRIBUTE) is self or is_replaced(record):
            return
        try:
            if isinstance(self.formatter, LineFormatter):
                self.write_line(line_of(record))
            else:
                self.write(f"{self.format(record)}\n".encode("utf-8", "backslashreplace"))
        except Exception:
            self.handleError(record)

    def write_line(self, line: dict[str, Any]) -> None:
        """Render and write `line`, past `logging`."""
        assert isinstance(self.formatter, LineFormatter)
        self.write(self.formatter.render(line, color=self.color))

    def write(self, line: bytes) -> None:
        """Write `line`, or drop it when nobody reads, or when there is nowhere to write."""
        try:
            if self._fd is None:
                self.stream.write(line.decode())
                self.stream.flush()
            elif not self.stream.closed:
                self._write(self._fd, line)
        except (OSError, ValueError):
            self.dropped += 1

    def _write(self, fd: int, line: bytes) -> None:
        if self._can_be_full and not self._writable(fd):
            self.dropped += 1
            return
        rest = memoryview(b"\n" + line if self._torn else line)
        self._torn = False
        while rest:
            try:
                rest = rest[os.write(fd, rest) :]
            except BlockingIOError:
                if not self._writable(fd):
                    break
            except OSError:
                break
        if rest:
            self.dropped += 1
            self._torn = len(rest) < len(line)

    def _writable(self, fd: int) -> bool:
        # After a line was dropped there is no more waiting until somebody reads again.
        wait = 0.0 if self._stalled else MAX_WAIT
        self._stalled = not select.select([], [fd], [], wait)[1]
        return not self._stalled


def _descriptor(stream: TextIO) -> tuple[int | None, bool]:
    """The stream's file descriptor, if it has one, and whether it is a pipe or a socket."""
    try:
        fd = stream.fileno()
        mode = os.fstat(fd).st_mode
    except (AttributeError, OSError, ValueError):
        return None, False
    return fd, stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _wants_color(stream: TextIO) -> bool:
    try:
        return stream.isatty() and not os.environ.get("NO_COLOR")
    except (AttributeError, ValueError):
        return False
