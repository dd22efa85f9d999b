"""OpenTelemetry's own messages: each at most once a minute."""

import logging
import time

# In seconds.
INTERVAL = 60.0

_last: dict[tuple[str, int], float] = {}


def limit_noise() -> None:
    """Make exporters complain less of a Collector that is away."""
    for name, logger in logging.root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger):
            if name.startswith("opentelemetry."):
                logger.addFilter(_is_due)


def _is_due(record: logging.LogRecord) -> bool:
    place = record.pathname, record.lineno
    now = time.monotonic()
    if now - _last.get(place, -INTERVAL) < INTERVAL:
        return False
    _last[place] = now
    return True
