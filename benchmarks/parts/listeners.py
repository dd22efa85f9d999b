"""A line's cost when others listen as well."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..compare import compare
from ..project import start
from ..results import Result
from .line import bind

if TYPE_CHECKING:
    from ..environment import Environment

VARIANTS = {
    "alone": "**telemetry**, nobody else",
    "handler": "with a second handler",
    "sentry": "with Sentry's integration",
    "otlp": "with OTLP logs",
}


def measure(environment: Environment) -> Result:
    return compare(
        environment, "listeners", "Log line with other listeners", VARIANTS, rounds=60
    )


def make(variant: str) -> Callable[[int], object]:
    if variant == "otlp":
        # Nobody listens there: the cost is that of making and batching records.
        os.environ.update(OTEL_ENABLED="true", OTEL_LOGS_EXPORTER="otlp")
        os.environ.update(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    log: Any = start("ours").get_logger()
    bind("ours")
    if variant == "handler":
        logging.root.addHandler(logging.FileHandler(os.devnull))
    elif variant == "sentry":
        import sentry_sdk

        sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", default_integrations=True)

    def run(count: int) -> None:
        for number in range(count):
            log.info("item_sold", item=number, price=2.5)

    return run
