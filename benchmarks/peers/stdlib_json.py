"""The standard library's `logging` with python-json-logger."""

import logging
from typing import Any

from .floor import context

_log = logging.getLogger("shop.orders")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.orjson.OrjsonFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "stream": "ext://sys.stdout",
        }
    },
    "root": {"handlers": ["stdout"], "level": "INFO"},
}


def configure(settings: dict[str, Any]) -> None:
    settings["LOGGING"] = LOGGING


class Logger:
    """Keywords and context become `extra`."""

    def info(self, event: str, **fields: Any) -> None:
        _log.info(event, extra={**fields, **context.get()})


def get_logger() -> Logger:
    return Logger()
