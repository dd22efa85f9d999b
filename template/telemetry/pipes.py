"""Pipes: a line goes in whole, or not at all."""

import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# In bytes: what a pipe should hold, a few of the longest lines.
CAPACITY = 256 * 1024
# In bytes: what the system writes in one piece, whatever else is written.
ATOMIC = getattr(select, "PIPE_BUF", 512)


def is_writable(fd: int, seconds: float) -> bool:
    """Whether a pipe or a socket has room for a short line by then."""
    if not hasattr(select, "poll"):
        return True
    waiting = select.poll()
    waiting.register(fd, select.POLLOUT)
    return bool(waiting.poll(seconds * 1000))


if sys.platform == "linux":
    import fcntl
    import termios

    def widen(fd: int) -> None:
        """Give the pipe `CAPACITY`, if it has less and the system allows."""
        with suppress(OSError):
            if fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ) < CAPACITY:
                fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, CAPACITY)

    def has_room(fd: int, size: int) -> bool:
        """Whether `size` bytes fit into the pipe in one piece."""
        capacity = fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)
        answer = fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4)
        used = int.from_bytes(answer, sys.byteorder)
        # The pipe holds pages: on average at least half of each is used.
        return used == 0 or 2 * used + size + ATOMIC <= capacity

    @contextmanager
    def locked(fd: int) -> Iterator[None]:
        """Keep out other processes that write long lines into the pipe."""
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX)
            yield
        finally:
            fcntl.lockf(fd, fcntl.LOCK_UN)

else:

    def widen(fd: int) -> None:
        """Only Linux tells what a pipe holds."""

    def has_room(fd: int, size: int) -> bool:
        return is_writable(fd, 0)

    @contextmanager
    def locked(fd: int) -> Iterator[None]:
        yield
