"""A task's message: the context in its header, and that of the task."""

import json
import os
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from .context import current
from .environment import load
from .serialization import clean

Fields = Mapping[str, Any]

HEADER = "telemetry"

# In bytes, of ASCII. Fields that do not fit stay behind, the last bound first.
MAX_HEADER = 1_000

# A task has its own.
_NOT_INHERITED = frozenset({"task.id", "task.name"})

_encode = json.JSONEncoder(default=str, separators=(",", ":")).encode


@cache
def is_enabled() -> bool:
    """Whether TELEMETRY_ENABLED is true, once settings have been read."""
    return load(os.environ).enabled


def pack(fields: Fields) -> str:
    """Return the time and `fields` as text, which every broker can carry."""
    kept = {key: fields[key] for key in fields if key not in _NOT_INHERITED}
    kept = clean(kept)
    header = _encode([time.time(), kept])
    if len(header) <= MAX_HEADER:
        return header
    return _encode([time.time(), _fitting(kept)])


def unpack(header: object) -> tuple[float | None, dict[str, Any]]:
    """Return when the message was sent, in Unix time, and what it carries."""
    try:
        sent, fields = json.loads(header)  # type: ignore[arg-type]
        return float(sent), dict(fields)
    except (TypeError, ValueError, RecursionError):  # No header of ours.
        return None, {}


def task_fields(message: Mapping[str, Any], carried: Fields) -> dict[str, Any]:
    """Return the context of a task: its caller's, and the fields of its own.

    A task that no request has started is a request of its own.
    """
    return {
        "request.id": message.get("root_id") or message["id"],
        **current(),
        **carried,
        "task.id": message["id"],
        "task.name": message["task"],
    }


def _fitting(fields: Fields) -> dict[str, Any]:
    room = MAX_HEADER - len(_encode([time.time(), {}]))
    kept = {}
    for key, value in fields.items():
        length = len(_encode({key: value}))
        if length <= room:
            room -= length
            kept[key] = value
    return kept
