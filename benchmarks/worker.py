"""One variant of one part, in a process of its own: runs a slice whenever it is asked.

Its stdout is the sink that every variant writes its lines to.
"""

import contextlib
import importlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

# In nanoseconds of CPU time; short enough to interleave, long enough for the clock.
# A part whose operations leave work to the garbage collector has a longer one.
SLICE = 10_000_000

Run = Callable[[int], object]


def main(part: str, variant: str, channel: int) -> None:
    module = importlib.import_module(f"benchmarks.parts.{part}")
    run: Run = module.make(variant)
    _stay_on_one_core()
    connection = Connection(channel)
    connection.send(_written_by(run))
    count = _calibrated(run, getattr(module, "SLICE", SLICE))
    with contextlib.suppress(EOFError, ConnectionResetError):
        while connection.recv():
            connection.send(_time(run, count) / count)


def _stay_on_one_core() -> None:
    """Share a core with the other variants, so that none has a quieter one."""
    if hasattr(os, "sched_setaffinity"):
        core = max(os.sched_getaffinity(0))
        for thread in threading.enumerate():
            os.sched_setaffinity(thread.native_id or 0, {core})


def _written_by(run: Run) -> list[str]:
    """Return the lines that one operation writes, once everything is warm."""
    run(10)
    stdout = os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        run(1)
        sys.stdout.flush()
        os.dup2(stdout, 1)
        os.close(stdout)
        file.seek(0)
        return file.read().decode().splitlines()


def _calibrated(run: Run, slice: int) -> int:
    count = 1
    while (taken := _time(run, count)) < slice // 4:
        count *= 2
    return max(1, count * slice // taken)


def _time(run: Run, count: int) -> int:
    """Return nanoseconds of CPU time, of all threads of this process."""
    started = time.process_time_ns()
    run(count)
    return time.process_time_ns() - started


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
