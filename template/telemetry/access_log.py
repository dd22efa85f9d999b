"""The lines of Django's own that `request_completed` replaces."""

import logging
from collections.abc import Mapping

# An attribute of requests that will have a completion line.
REQUEST_ATTRIBUTE = "_telemetry"


def is_replaced(record: logging.LogRecord) -> bool:
    """Whether a completion line tells what `record` tells."""
    if record.name == "django.request":
        return hasattr(record.__dict__.get("request"), REQUEST_ATTRIBUTE)
    if record.name.startswith("django.") and record.name.endswith(".server"):
        # Request line, status and size; other servers give a mapping.
        args = record.args or ()
        return isinstance(args, Mapping) or len(args) == 3
    return False
