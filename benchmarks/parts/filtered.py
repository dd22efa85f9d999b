"""A `debug()` that the level filters out, with eight context fields bound."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..compare import compare
from ..project import start
from ..results import Result, Target
from .line import bind

if TYPE_CHECKING:
    from ..environment import Environment

VARIANTS = {
    "stdlib_json": "logging",
    "ours": "**telemetry**",
    "structlog_native": "structlog, native loggers",
    "structlog_recipe": "structlog, recipe for logging",
}


def measure(environment: Environment) -> Result:
    return compare(
        environment,
        "filtered",
        "Filtered-out debug()",
        VARIANTS,
        targets=[Target(1.5, "stdlib_json")],
    )


def make(variant: str) -> Callable[[int], object]:
    peer = start(variant)
    bind(variant)
    if variant == "stdlib_json":
        plain = logging.getLogger("shop.orders")

        def run(count: int) -> None:
            for number in range(count):
                plain.debug("item_sold", extra={"item": number, "price": 2.5})

    else:
        log = peer.get_logger()

        def run(count: int) -> None:
            for number in range(count):
                log.debug("item_sold", item=number, price=2.5)

    return run
