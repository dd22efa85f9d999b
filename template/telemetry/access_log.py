"""The lines of others that a line of ours replaces."""

import logging
from collections.abc import Mapping

# An attribute of requests with a completion line: their scope until then.
REQUEST_ATTRIBUTE = "_telemetry"
# An attribute of records that a line of ours replaces; `Replaced` is in it.
REPLACED_ATTRIBUTE = "telemetry_replaced"


class Replaced:
    """A mark that no data can hold."""


def is_replaced(record: logging.LogRecord) -> bool:
    """Whether a line of ours tells what `record` tells."""
    if record.__dict__.get(REPLACED_ATTRIBUTE) is Replaced:
        return True
    if record.name == "django.request":
        return hasattr(record.__dict__.get("request"), REQUEST_ATTRIBUTE)
    if record.name.startswith("django.") and record.name.endswith(".server"):
        # Request line, status and size; other servers give a mapping.
        args = record.args or ()
        return isinstance(args, Mapping) or len(args) == 3
    return False
