"""What servers say about a connection by themselves, and lines of ours replace."""

import logging

from .access_log import REPLACED_ATTRIBUTE
from .context import current

LOGGERS = (
    "daphne.server",
    "uvicorn.error",
    # Add your own above this line.
)

_TOLD = "telemetry_told"


def mark_told(error: BaseException) -> None:
    """Remember that `ws_failed` has told of `error`, which goes on to the server."""
    error.__dict__[_TOLD] = True


def _mark(record: logging.LogRecord) -> bool:
    if _is_told(record) or (
        record.levelno <= logging.INFO and "ws.conn_id" in current()
    ):
        record.__dict__[REPLACED_ATTRIBUTE] = True
    elif '"WebSocket %s"' in str(record.msg) and isinstance(record.args, tuple):
        # A handshake that never came to a consumer; uvicorn shows its query string.
        record.args = tuple(str(part).partition("?")[0] for part in record.args)
    return True


def _is_told(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return error is not None and _TOLD in error.__dict__


for name in LOGGERS:
    logging.getLogger(name).addFilter(_mark)
