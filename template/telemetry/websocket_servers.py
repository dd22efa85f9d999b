"""What servers say of a connection, and lines of ours say as well."""

import logging

from .access_log import REPLACED_ATTRIBUTE, Replaced
from .context import current

LOGGERS = (
    "daphne.server",
    "uvicorn.error",
    # Add your own above this line.
)

_TOLD = "telemetry_told"


def mark_told(error: BaseException) -> None:
    """Remember that `ws_failed` has told of `error`; a server tells too."""
    error.__dict__[_TOLD] = True


def _mark(record: logging.LogRecord) -> bool:
    told = _is_told(record)
    if told or (record.levelno <= logging.INFO and "ws.conn_id" in current()):
        record.__dict__[REPLACED_ATTRIBUTE] = Replaced
    elif '"WebSocket %s"' in str(record.msg) and record.args:
        # Uvicorn shows the query string of what no consumer has seen.
        args = map(str, record.args)
        record.args = tuple(arg.partition("?")[0] for arg in args)
    return True


def _is_told(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return error is not None and _TOLD in error.__dict__


for name in LOGGERS:
    logging.getLogger(name).addFilter(_mark)
