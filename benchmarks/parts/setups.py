"""What a request costs in a real set-up: other listeners, lines of the view's own, queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..company import join
from ..compare import compare
from ..project import LINES_PATH, QUERIES_PATH, start, sync_requests
from ..results import Result

if TYPE_CHECKING:
    from ..environment import Environment

VARIANTS = {
    "bare": "bare Django",
    "alone": "**telemetry**, nobody else",
    "handler": "with a second handler, a JSON file",
    "sentry": "with Sentry's SDK",
    "otlp": "with OTLP log records",
    "lines": "with three lines of the view's own",
}
QUERIES = {
    "queries": "**telemetry**, a view with ten queries",
    "queries@queries": "the same with `log_queries`",
}


def measure(environment: Environment) -> list[Result]:
    return [
        compare(
            environment,
            "setups",
            "Sync request in a real set-up",
            VARIANTS,
            base="bare",
            rounds=100,
            processes=2,
        ),
        compare(
            environment,
            "setups",
            "Sync request with ten queries",
            QUERIES,
            base="queries",
            rounds=100,
            processes=2,
        ),
    ]


def make(variant: str) -> Callable[[int], object]:
    if variant == "bare":
        start("bare")
        return sync_requests()
    join(variant, lambda: start("ours"))
    paths = {"lines": LINES_PATH, "queries": QUERIES_PATH}
    return sync_requests(paths[variant]) if variant in paths else sync_requests()
