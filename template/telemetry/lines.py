"""Lines: fields in the order of the output, from structlog or `logging`."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from . import context
from .exceptions import exception_fields, exception_of
from .messages import message
from .serialization import clean

# A record of `BoundLogger` carries its line, and the handler that wrote it.
LINE_ATTRIBUTE = "telemetry_line"
WRITTEN_ATTRIBUTE = "telemetry_written_by"

# Called for each line; what they return stands behind the context.
ENRICHERS: list[Callable[[], Mapping[str, Any]]] = []

HEAD = frozenset({"timestamp", "level", "logger", "event"})
_RECORD_ATTRIBUTES = frozenset(
    {
        *logging.makeLogRecord({}).__dict__,
        "asctime",
        "color_message",
        "message",
        "taskName",
    }
)


def line(
    timestamp: datetime,
    level: str,
    logger: str,
    event: str,
    fields: dict[str, Any],
) -> dict[str, Any]:
    """Return the four head fields, then the event's own, then the context.

    `fields` have been through `clean`.
    A field of the event wins over the context's; one that is called like a
    head field gets an underscore behind its name.
    """
    if not timestamp.microsecond:  # orjson would leave out the fraction.
        timestamp = timestamp.replace(microsecond=1)
    bound = context.shown()
    for enrich in ENRICHERS:
        bound = bound | clean(dict(enrich()))
    whole = {
        "timestamp": timestamp,
        "level": level,
        "logger": logger,
        "event": event,
        **fields,
        **bound,
    }
    if len(whole) == len(HEAD) + len(fields) + len(bound):
        return whole
    # Some share a name.
    return {
        "timestamp": timestamp,
        "level": level,
        "logger": logger,
        "event": event,
        **_apart_from_head({**fields, **bound, **fields}),
    }


def surroundings() -> dict[str, Any]:
    """Return the context, and what `ENRICHERS` say."""
    bound = context.current()
    for enrich in ENRICHERS:
        bound |= enrich()
    return bound


def line_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the line that the record carries, or that it becomes."""
    carried: dict[str, Any] | None = record.__dict__.get(LINE_ATTRIBUTE)
    if carried is not None and _is_line(carried):
        return carried
    attributes = record.__dict__
    own = attributes.keys() - _RECORD_ATTRIBUTES
    fields = {name: attributes[name] for name in attributes if name in own}
    error = exception_of(record.exc_info)
    if error is not None:
        fields |= exception_fields(error)
    if record.stack_info:
        fields["stack"] = record.stack_info
    return line(
        datetime.fromtimestamp(record.created, UTC),
        record.levelname.lower(),
        record.name,
        message(record.msg, record.args).rstrip("\n"),
        clean(fields),
    )


def _is_line(carried: Any) -> bool:
    """Whether it is ours: `extra=` may have the name, but no such value."""
    if not isinstance(carried, dict):
        return False
    return type(carried.get("timestamp")) is datetime


def _apart_from_head(fields: dict[str, Any]) -> dict[str, Any]:
    taken = {key: f"{key}_" for key in HEAD}
    return {taken.get(key, key): value for key, value in fields.items()}
