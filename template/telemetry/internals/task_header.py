"""The header of a task's message: when it was sent, and the sender's context."""

import re
import time
from collections.abc import Mapping
from itertools import islice
from typing import Any

import orjson

from .record import HEAD
from .scope import Fields

HEADER = "telemetry"
# Fields, and characters of a value. What is beyond does not travel.
MAX_FIELDS = 64
MAX_VALUE = 200
# In characters. Longer headers are not read.
MAX_HEADER = 2**16

# A message never sets these, because anybody who can publish writes its header.
_RESERVED = {*HEAD, "exception", "stack", "task.id", "task.name"}
_RESERVED |= {"trace_id", "span_id", "trace_sampled"}
_NAME = re.compile(r"[\w.-]{1,64}")


def pack(fields: Fields) -> str:
    """Return the current time and `fields` as text, which every broker carries.

    The fields have been cleaned: plain data without secrets.
    """
    return orjson.dumps([time.time(), _portable(fields)]).decode()


def unpack(header: Any) -> tuple[float | None, dict[str, Any]]:
    """Return when the message was sent, in Unix time, and the sender's context.

    For anything but a header of `pack` that is None and no fields.
    """
    if header is None:
        return None, {}
    try:
        if len(header) > MAX_HEADER:
            return None, {}
        sent, fields = orjson.loads(header)
        return float(sent), _portable(fields)
    except (AttributeError, RecursionError, TypeError, ValueError):
        return None, {}


def _portable(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in islice(fields.items(), MAX_FIELDS)
        if key not in _RESERVED
        and _NAME.fullmatch(key)
        and len(str(value)) <= MAX_VALUE
    }
