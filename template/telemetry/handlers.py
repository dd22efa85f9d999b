"""The handler: one line, one write; no error, and no endless wait."""

import logging
import os
import select
import stat
import sys
from typing import Any, TextIO

from .access_log import is_replaced
from .formatters import LineFormatter
from .lines import WRITTEN_ATTRIBUTE, line_of

# In seconds: how long a line waits for the reader of a full pipe.
MAX_WAIT = 1.0


class StdoutHandler(logging.Handler):
    """Writes lines to `stream`, stdout unless given, without a buffer.

    One line is one `write`, so that processes and threads that share a pipe
    or a file keep their lines whole (on a pipe up to `PIPE_BUF`, 4096 bytes
    on Linux). A line that cannot be written is lost, and counted in `dropped`;
    the next one tries again.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
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
        if record.__dict__.get(WRITTEN_ATTRIBUTE) is self:
            return
        if is_replaced(record):
            return
        try:
            if isinstance(self.formatter, LineFormatter):
                self.write_line(line_of(record))
            else:
                text = f"{self.format(record)}\n"
                self.write(text.encode("utf-8", "backslashreplace"))
        except Exception:
            self.handleError(record)

    def write_line(self, line: dict[str, Any]) -> None:
        """Render and write `line`, past `logging`."""
        assert isinstance(self.formatter, LineFormatter)
        self.write(self.formatter.render(line, color=self.color))

    def write(self, line: bytes) -> None:
        """Write `line`, or drop it when there is nobody to read it."""
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
        rest = b"\n" + line if self._torn else line
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
        # After a dropped line nothing waits until somebody reads again.
        wait = 0.0 if self._stalled else MAX_WAIT
        self._stalled = not select.select([], [fd], [], wait)[1]
        return not self._stalled


def _descriptor(stream: TextIO) -> tuple[int | None, bool]:
    """The stream's descriptor, if any, and whether it can be full."""
    try:
        fd = stream.fileno()
        mode = os.fstat(fd).st_mode
    except (AttributeError, OSError, ValueError):
        return None, False
    is_pipe = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
    return fd, is_pipe


def _wants_color(stream: TextIO) -> bool:
    try:
        return stream.isatty() and not os.environ.get("NO_COLOR")
    except (AttributeError, ValueError):
        return False
