"""What `also_log: running` adds to a request: it is put into a set, and taken out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..compare import compare
from ..project import start
from ..results import Result, Target
from . import line

if TYPE_CHECKING:
    from ..environment import Environment

VARIANTS = {
    "floor": "live floor of a line",
    "ours@running": "**telemetry**, a watched request",
}


def measure(environment: Environment) -> Result:
    return compare(
        environment,
        "running",
        "Watching a request",
        VARIANTS,
        targets=[Target(1 / 2, "floor", "ours@running")],
    )


def make(variant: str) -> Callable[[int], object]:
    if variant == "floor":
        return line.make(variant)
    start(variant)
    from django.test import RequestFactory
    from telemetry.context import Scope
    from telemetry.internals.scope import EXITED, OPENED

    scope = Scope({}, owner=RequestFactory().get("/"))

    def run(count: int) -> None:
        for _ in range(count):
            for function in OPENED:
                function(scope)
            for function in EXITED:
                function(scope)

    return run
