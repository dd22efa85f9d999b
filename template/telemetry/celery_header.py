"""The context as a header of a task's message."""

import json
import time
from collections.abc import Mapping
from typing import Any

from .serialization import clean

HEADER = "telemetry"

# In bytes, of ASCII. Fields that do not fit stay behind, the last bound first.
MAX_HEADER = 1_000

# A task has its own.
_NOT_INHERITED = frozenset({"task.id", "task.name"})

_encode = json.JSONEncoder(default=str, separators=(",", ":")).encode


def pack(fields: Mapping[str, Any]) -> str:
    """Return `fields` and the time as text, which every broker and serializer can carry."""
    fields = clean({key: fields[key] for key in fields if key not in _NOT_INHERITED})
    header = _encode([time.time(), fields])
    return header if len(header) <= MAX_HEADER else _encode([time.time(), _fitting(fields)])


def unpack(header: object) -> tuple[float | None, dict[str, Any]]:
    """Return when a message was sent, in seconds of the epoch, and the fields in its header."""
    try:
        sent, fields = json.loads(header)  # type: ignore[arg-type]
        return float(sent), dict(fields)
    except (TypeError, ValueError):  # No header of ours.
        return None, {}


def _fitting(fields: Mapping[str, Any]) -> dict[str, Any]:
    room = MAX_HEADER - len(_encode([time.time(), {}]))
    kept = {}
    for key, value in fields.items():
        length = len(_encode({key: value}))
        if length <= room:
            room -= length
            kept[key] = value
    return kept
