"""An async request; Django's own middleware stays out, for it hops between threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.core.handlers.asgi import ASGIHandler

from ..compare import compare
from ..project import async_request, start
from ..results import Result, Target
from .request import NOTES

if TYPE_CHECKING:
    from ..environment import Environment

VARIANTS = {
    "bare": "bare Django",
    "floor": "hand-written floor",
    "ours": "**telemetry**",
    "django_guid_json": "django-guid, JSON line",
    "django_structlog_lean": "django-structlog, leanest",
    "django_structlog_full": "django-structlog, as documented",
    "opentelemetry_contrib": "OpenTelemetry contrib at 10 %",
}


def measure(environment: Environment) -> Result:
    return compare(
        environment,
        "async_request",
        "Async request",
        VARIANTS,
        base="bare",
        notes=NOTES,
        rounds=300,
        processes=12,
        targets=[Target(2.75, "floor"), Target(1 / 8, "django_structlog_full")],
    )


def make(variant: str) -> Callable[[int], object]:
    start(variant, MIDDLEWARE=[])
    handler = ASGIHandler()
    runner = asyncio.Runner()

    async def serve(count: int) -> None:
        for _ in range(count):
            await async_request(handler)

    def run(count: int) -> None:
        runner.run(serve(count))
        if variant == "ours":
            assert threading.active_count() == 1, "no hop to another thread"

    return run
