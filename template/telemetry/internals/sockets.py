"""What servers log about connections, left out where our own lines cover it."""

import logging
from contextvars import ContextVar
from typing import Any
from weakref import WeakValueDictionary

# Servers log the handshake, and what a consumer raised.
LOGGERS = (
    "daphne.server",
    "django.channels.server",
    "hypercorn.error",
    "uvicorn.error",
)

# The `ConnectionRun` whose handshake the server is answering.
answering_run: ContextVar[Any] = ContextVar("telemetry_answering", default=None)
# Each `ConnectionRun` that failed and is covered, by the id of its `error`. The
# traceback of the error holds it, hence it is here until the error is freed.
failed_runs: WeakValueDictionary[int, Any] = WeakValueDictionary()


class SocketFilter(logging.Filter):
    """Leaves out servers' records that a connection's own lines cover."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name not in LOGGERS:
            return True
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            run = failed_runs.get(id(error))
            return run is None or run.error is not error
        run = answering_run.get()
        if run is None or record.levelno > logging.INFO:
            return True
        run.withhold(record)
        return False
