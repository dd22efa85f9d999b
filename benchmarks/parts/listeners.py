"""A line's cost when others listen as well, beside structlog's recipe in that company."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..company import add_otlp_handler, join
from ..compare import compare
from ..project import start
from ..results import Result, Target
from .line import bind

if TYPE_CHECKING:
    from ..environment import Environment

COMPANY = {
    "alone": "nobody else",
    "handler": "a second handler, a JSON file",
    "sentry": "Sentry's SDK",
    "otlp": "OTLP log records",
}
PEERS = {"ours": "**telemetry**", "structlog_recipe": "structlog, recipe for logging"}
VARIANTS = {
    f"{peer}-{company}": f"{name}, {how}"
    for company, how in COMPANY.items()
    for peer, name in PEERS.items()
}


def measure(environment: Environment) -> Result:
    return compare(
        environment,
        "listeners",
        "Log line with other listeners",
        VARIANTS,
        rounds=60,
        targets=[
            Target(bound, f"structlog_recipe-{company}", f"ours-{company}")
            for company, bound in (("handler", 0.6), ("sentry", 0.6), ("otlp", 0.45))
        ],
    )


def make(variant: str) -> Callable[[int], object]:
    peer, company = variant.split("-")
    log: Any = join(company, lambda: start(peer)).get_logger()
    if company == "otlp" and peer != "ours":
        add_otlp_handler()
    bind(peer)

    def run(count: int) -> None:
        for number in range(count):
            log.info("item_sold", item=number, price=2.5)

    return run
