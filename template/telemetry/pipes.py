"""Pipes: a line goes in whole, or not at all."""

import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO

# In bytes: what a pipe should hold, a few of the longest lines.
CAPACITY = 256 * 1024
# In bytes: what the system writes in one piece, whatever else is written.
ATOMIC = getattr(select, "PIPE_BUF", 512)


def is_writable(file: FileIO, seconds: float) -> bool:
    """Whether a pipe or a socket has room for a short line by then."""
    if not hasattr(select, "poll"):
        return True
    waiting = select.poll()
    waiting.register(file, select.POLLOUT)
    return bool(waiting.poll(seconds * 1000))


if sys.platform == "linux":
    import fcntl
    import termios

    def widen(file: FileIO) -> None:
        """Give the pipe `CAPACITY`, if it has less and the system allows."""
        with suppress(OSError):
            if fcntl.fcntl(file, fcntl.F_GETPIPE_SZ) < CAPACITY:
                fcntl.fcntl(file, fcntl.F_SETPIPE_SZ, CAPACITY)

    def has_room(file: FileIO, size: int) -> bool:
        """Whether `size` bytes fit into the pipe in one piece."""
        capacity = fcntl.fcntl(file, fcntl.F_GETPIPE_SZ)
        answer = fcntl.ioctl(file, termios.FIONREAD, b"\0" * 4)
        used = int.from_bytes(answer, sys.byteorder)
        # The pipe holds pages: on average at least half of each is used.
        return used == 0 or 2 * used + size + ATOMIC <= capacity

    @contextmanager
    def locked(file: FileIO) -> Iterator[None]:
        """Keep out other processes that write long lines into the pipe."""
        try:
            fcntl.lockf(file, fcntl.LOCK_EX)
            yield
        finally:
            fcntl.lockf(file, fcntl.LOCK_UN)

else:

    def widen(file: FileIO) -> None:
        """Only Linux tells what a pipe holds."""

    def has_room(file: FileIO, size: int) -> bool:
        return is_writable(file, 0)

    @contextmanager
    def locked(file: FileIO) -> Iterator[None]:
        yield
