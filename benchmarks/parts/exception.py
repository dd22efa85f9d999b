"""A line with the traceback of an exception: twenty frames, and a cause."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..compare import compare
from ..project import start
from ..results import Result, Target

if TYPE_CHECKING:
    from ..environment import Environment

VARIANTS = {
    "traceback": "traceback.format_exception alone",
    "ours": "**telemetry**",
    "stdlib_json": "logging, python-json-logger",
    "structlog_recipe": "structlog, recipe for logging",
}


def measure(environment: Environment) -> Result:
    return compare(
        environment,
        "exception",
        "Exception line",
        VARIANTS,
        targets=[Target(1.25, "traceback")],
        notes={"traceback": "text only"},
    )


def make(variant: str) -> Callable[[int], object]:
    error = _error()
    if variant == "traceback":

        def once() -> None:
            "".join(traceback.format_exception(error))

    elif variant == "stdlib_json":
        start(variant)
        plain = logging.getLogger("shop.orders")

        def once() -> None:
            plain.error("order_failed", exc_info=error)

    else:
        log = start(variant).get_logger()

        def once() -> None:
            log.error("order_failed", exc_info=error)

    def run(count: int) -> None:
        for _ in range(count):
            once()

    return run


def _error() -> Exception:
    try:
        _fail(20)
    except Exception as error:
        return error
    raise AssertionError


def _fail(depth: int) -> None:
    if depth > 0:
        return _fail(depth - 1)
    try:
        int("twelve")
    except ValueError as error:
        raise RuntimeError("no such order") from error
