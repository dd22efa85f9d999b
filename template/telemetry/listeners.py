"""Listeners: who hears what is logged, our handler and whoever else."""

import logging
from typing import Any

from .formatters import LineFormatter
from .handlers import StdoutHandler


def listeners(logger: logging.Logger) -> tuple[StdoutHandler | None, bool]:
    """Return our handler, and whether others want a `LogRecord`.

    Without a handler of ours on the way to the root, or where its lines are
    not made as usual, it is None, and `logging` does all of the work.
    """
    handlers = logger.handlers
    node: Any = logger
    while node := node.propagate and node.parent:
        handlers = handlers + node.handlers
    for ours in handlers:
        if type(ours) is StdoutHandler:
            break
    else:
        return None, True
    if logger.filters or ours.filters:
        return None, True
    if not isinstance(ours.formatter, LineFormatter):
        return None, True
    kind = type(logger)
    others = (
        len(handlers) > 1
        or kind.handle is not _handle
        or kind.callHandlers is not _call_handlers
        or kind.makeRecord is not _make_record
    )
    return ours, others


def _genuine(method: Any) -> Any:
    """Return `method` unless somebody has replaced it, as Sentry does."""
    its_globals = getattr(method, "__globals__", None)
    return method if its_globals is vars(logging) else None


_handle = _genuine(logging.Logger.handle)
_call_handlers = _genuine(logging.Logger.callHandlers)
_make_record = _genuine(logging.Logger.makeRecord)
