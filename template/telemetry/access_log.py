"""The lines of Django's own that `request_completed` replaces."""

import logging
from collections.abc import Mapping

# An attribute of requests that will have a completion line.
REQUEST_ATTRIBUTE = "_telemetry"


def is_replaced(record: logging.LogRecord) -> bool:
    """Whether `record` tells again what the completion line of its request tells."""
    if record.name == "django.request":
        return hasattr(record.__dict__.get("request"), REQUEST_ATTRIBUTE)
    if record.name.startswith("django.") and record.name.endswith(".server"):
        # Method, status and size from Django's server; a mapping from servers that extend it.
        return isinstance(record.args, Mapping) or len(record.args or ()) == 3
    return False
