"""The end of a process: what it has recorded is sent, in bounded time."""

import atexit
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from types import FrameType

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

# In seconds: how long a process waits for the Collector at its end, in all.
MAX_WAIT = 1.5


class Shutdown(SpanProcessor):
    """Flushes at exit and at SIGTERM, then after each span that still ends.

    A server that gets SIGTERM finishes its requests first, and uvicorn then
    lets the signal kill it, without a word to `atexit`.
    """

    def __init__(self, *flushes: Callable[[], bool]) -> None:
        self._flushes = flushes
        self._left = MAX_WAIT
        self._begun = False
        self._start_threads()
        os.register_at_fork(after_in_child=self._start_threads)
        atexit.register(self.flush)
        self._take_signal()

    def flush(self, *_: object, **__: object) -> None:
        """Send what there is; wait as long as is left of `MAX_WAIT`."""
        if self._pid != os.getpid():
            return  # Nothing was recorded here.
        done = [threading.Event() for _ in self._queues]
        for queue, event in zip(self._queues, done, strict=True):
            queue.put(event)
        for event in done:
            began = time.monotonic()
            event.wait(self._left)
            self._left = max(0, self._left - (time.monotonic() - began))

    def flush_if_begun(self) -> None:
        """To be called for whatever is recorded."""
        if self._pid != os.getpid():
            self._start_threads()  # uWSGI forks past Python and its hooks.
        if self._begun:
            self.flush()

    def on_end(self, span: ReadableSpan) -> None:
        self.flush_if_begun()

    def _start_threads(self) -> None:
        """Start them now; at exit and in a signal handler it is too late."""
        self._pid = os.getpid()
        self._queues = [_start_thread(flush) for flush in self._flushes]

    def _take_signal(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        previous = signal.getsignal(signal.SIGTERM)

        def handle(number: int, frame: FrameType | None) -> None:
            self._begun = True
            if callable(previous):
                previous(number, frame)
            # gevent lets nobody wait here; what ends later flushes.
            with suppress(Exception):
                self.flush()
            if previous is signal.SIG_DFL:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)

        if callable(previous) or previous is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, handle)


def _start_thread(flush: Callable[[], bool]) -> SimpleQueue[threading.Event]:
    queue: SimpleQueue[threading.Event] = SimpleQueue()

    def serve() -> None:
        while True:
            event = queue.get()
            try:
                flush()
            finally:
                event.set()

    threading.Thread(target=serve, name="telemetry-flush", daemon=True).start()
    return queue
