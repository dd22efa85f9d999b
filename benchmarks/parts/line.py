"""A log line in JSON, with two fields of its own and eight of the context."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from structlog.contextvars import bind_contextvars

from ..compare import compare
from ..project import start
from ..results import Result, Target

if TYPE_CHECKING:
    from ..environment import Environment

REQUEST = {"request.id": "9f1c2b3a-8d7e-4f60-a1b2-c3d4e5f60718", "user.id": 42}
LABELS = {"labels": ["tournament"], "tournament.id": 5}
BOUND = {"tenant": "acme", "plan": "team", "region": "eu", "trial": False}

VARIANTS = {
    "floor": "live floor",
    "ours": "**telemetry**",
    "structlog_native": "structlog, native loggers",
    "stdlib_json": "logging, python-json-logger",
    "structlog_recipe": "structlog, recipe for logging",
}


def measure(environment: Environment) -> Result:
    return compare(
        environment,
        "line",
        "Log line, eight context fields",
        VARIANTS,
        targets=[
            Target(0.85, "stdlib_json"),
            Target(0.6, "structlog_recipe"),
        ],
    )


def make(variant: str) -> Callable[[int], object]:
    peer = start(variant)
    bind(variant)
    log = peer.get_logger()

    def run(count: int) -> None:
        for number in range(count):
            log.info("item_sold", item=number, price=2.5)

    return run


def bind(variant: str) -> None:
    """Bind eight fields, as a request and its view do."""
    if variant in ("floor", "stdlib_json"):
        from ..peers.floor import context

        context.set({**REQUEST, **LABELS, **BOUND})
    elif variant == "ours":
        from telemetry.context import Scope

        Scope({**REQUEST, **LABELS})
        bind_contextvars(**BOUND)
    else:
        bind_contextvars(**REQUEST, **LABELS, **BOUND)
