"""A request's cost with more and more bound around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from structlog.contextvars import bind_contextvars

from ..compare import compare
from ..project import start, sync_requests
from ..results import Result

if TYPE_CHECKING:
    from ..environment import Environment

PEERS = {"ours": "**telemetry**", "django_structlog_full": "django-structlog"}
VARIANTS = {"bare-0": "bare Django"} | {
    f"{peer}-{keys}": f"{name}, {keys} keys bound"
    for peer, name in PEERS.items()
    for keys in (0, 10, 100)
}


def measure(environment: Environment) -> Result:
    return compare(
        environment,
        "context_keys",
        "Sync request by keys bound",
        VARIANTS,
        base="bare-0",
        rounds=60,
    )


def make(variant: str) -> Callable[[int], object]:
    peer, _, keys = variant.partition("-")
    start(peer)
    serve = sync_requests()

    def run(count: int) -> None:
        for _ in range(count):
            # django-structlog clears the whole context after each request.
            bind_contextvars(**{f"key{n}": n for n in range(int(keys))})
            serve(1)

    return run
