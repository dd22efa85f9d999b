"""What starting Django costs with the package in it, OpenTelemetry left out."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from ..results import Result, Row, Verdict

if TYPE_CHECKING:
    from ..environment import Environment

START = "from benchmarks.project import start; start({!r})"
USED = "; import telemetry.middleware, telemetry.labels"
CODE = {
    "bare": START.format("bare"),
    "libraries": f"import structlog, orjson; {START.format('bare')}",
    "ours": START.format("ours") + USED,
    "default": START.format("ours") + USED,
}
NAMES = {
    "bare": "bare Django",
    "libraries": "structlog and orjson",
    "ours": "**telemetry**, no Channels, Celery or OpenTelemetry",
    "default": "telemetry with all three, OTEL_ENABLED=false",
}
TIMED = """
import asyncio, time
{}
print(time.process_time() * 1e9)
"""


def measure(environment: Environment) -> Result:
    taken: dict[str, list[float]] = {name: [] for name in CODE}
    for _ in range(25):
        for name, values in taken.items():
            values.append(_start(environment, name))
    over = {
        name: [a - b for a, b in zip(values, taken["bare"], strict=True)]
        for name, values in taken.items()
    }
    over["bare"] = taken["bare"]
    result = Result("Import", "CPU time over bare Django")
    for name, values in over.items():
        note = "itself" if name == "bare" else ""
        result.rows.append(_row(NAMES[name], values, note))
    ratio = median(over["ours"]) / median(over["libraries"])
    result.verdicts.append(Verdict("≤ 1.5 × structlog and orjson", ratio, 1.5))
    return result


def _row(name: str, values: Sequence[float], note: str) -> Row:
    return Row.of(name, [value / 1e6 for value in values], unit="ms", note=note)


def _start(environment: Environment, name: str) -> float:
    package = "default" if name == "default" else "plain"
    said = subprocess.run(
        [environment.python, "-c", TIMED.format(CODE[name])],
        env=environment.variables(package),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(said.stdout)
