"""Sends what is waiting before a process ends."""

import atexit
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.util import Finalize
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

# In seconds: how long a process waits for the Collector at its end, in all.
MAX_WAIT = 3.0


class Shutdown(SpanProcessor):
    """Flushes at exit and at SIGTERM, then after each span that still ends.

    After SIGTERM a server first finishes its requests, and uvicorn then dies of
    the signal without running `atexit`, hence the flush after each of them.
    """

    def __init__(self, *flushes: Callable[[], bool]) -> None:
        self._flushes = flushes
        self._seconds_left, self._has_begun = MAX_WAIT, False
        atexit.register(self.flush)
        # Until Python 3.13, children of `multiprocessing` end without `atexit`,
        # so that Granian's workers need this.
        Finalize(None, self.flush, exitpriority=0)
        self._handle_sigterm()

    def flush(self, *_: object, **__: object) -> None:
        """Send what is waiting; all calls together take at most `MAX_WAIT`."""
        started = time.monotonic()
        thread = threading.Thread(target=self._flush_all, daemon=True)
        try:
            thread.start()
            thread.join(self._seconds_left)
        except RuntimeError:  # Python 3.12.1 starts no thread in `atexit`.
            if self._seconds_left:
                self._flush_all()
        seconds = time.monotonic() - started
        self._seconds_left = max(0, self._seconds_left - seconds)

    def on_end(self, span: ReadableSpan | None = None) -> None:
        """Flush at once if the process is ending; `span` may be a log record."""
        if self._has_begun:
            self.flush()

    def _flush_all(self) -> None:
        for flush in self._flushes:
            with suppress(Exception):
                flush()

    def _handle_sigterm(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        previous = signal.getsignal(signal.SIGTERM)

        def handle(number: int, frame: Any) -> None:
            self._has_begun = True
            if callable(previous):
                previous(number, frame)
            # Under gevent a signal handler cannot wait; requests that end
            # later flush.
            with suppress(Exception):
                self.flush()
            if previous is signal.SIG_DFL:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)

        if callable(previous) or previous is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, handle)
