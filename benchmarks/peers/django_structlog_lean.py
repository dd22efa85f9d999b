"""django-structlog with all that can be left out left out, on structlog's fastest loggers."""

import logging
from typing import Any

from . import structlog_native


def configure(settings: dict[str, Any]) -> None:
    structlog_native.configure(settings)
    settings["INSTALLED_APPS"].append("django_structlog")
    settings["MIDDLEWARE"].append("django_structlog.middlewares.RequestMiddleware")
    settings["DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL"] = logging.DEBUG
    settings["DJANGO_STRUCTLOG_IP_LOGGING_ENABLED"] = False
