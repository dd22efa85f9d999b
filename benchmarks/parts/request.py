"""A sync request."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..compare import compare
from ..project import start, sync_requests
from ..results import Result, Target

if TYPE_CHECKING:
    from ..environment import Environment

VARIANTS = {
    "bare": "bare Django",
    "floor": "hand-written floor",
    "ours": "**telemetry**",
    "switched_off": "telemetry, TELEMETRY_ENABLED=false",
    "django_guid_json": "django-guid, JSON line",
    "django_structlog_lean": "django-structlog, leanest",
    "django_structlog_full": "django-structlog, as documented",
    "opentelemetry_contrib": "OpenTelemetry contrib at 10 %",
    "logfire_spans": "Logfire",
}
NOTES = {
    "django_guid_json": "no user, no labels",
    "django_structlog_lean": "no duration, no labels",
    "django_structlog_full": "no duration, no labels",
    "opentelemetry_contrib": "spans instead",
    "logfire_spans": "spans instead",
}


def measure(environment: Environment) -> Result:
    return compare(
        environment,
        "request",
        "Sync request",
        VARIANTS,
        base="bare",
        notes=NOTES,
        rounds=200,
        processes=8,
        targets=[
            Target(2.9, "floor"),
            Target(1 / 5, "django_structlog_full"),
            Target(1 / 1.5, "django_guid_json"),
        ],
    )


def make(variant: str) -> Callable[[int], object]:
    start(variant)
    return sync_requests()
