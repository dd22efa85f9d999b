"""What starting Django costs with the package in it, OpenTelemetry left out."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from ..results import Result, Row, Verdict

if TYPE_CHECKING:
    from ..environment import Environment

OURS = "start('ours'); import telemetry.middleware, telemetry.labels"
# The code, and the rendered package that it runs with.
CODE = {
    "bare": ("start('bare')", "plain"),
    "libraries": ("import structlog, orjson; start('bare')", "plain"),
    "ours": (OURS, "plain"),
    "channels": (f"{OURS}, telemetry.websocket", "channels"),
    "celery": (f"{OURS}, telemetry.celery", "celery"),
    "otel": (OURS, "otel"),
}
NAMES = {
    "bare": "bare Django's setup()",
    "libraries": "structlog and orjson",
    "ours": "**telemetry**, no option",
    "channels": "with use_channels, Channels included",
    "celery": "with use_celery, Celery included",
    "otel": "with an exporter, OTEL_ENABLED=false",
}
# Most of Django is there before the clock starts: its time would hide what is added.
TIMED = """
import asyncio, time
from benchmarks.project import start
started = time.process_time_ns()
{}
print(time.process_time_ns() - started)
"""


def measure(environment: Environment) -> Result:
    taken: dict[str, list[float]] = {name: [] for name in CODE}
    for _ in range(25):
        for name in random.sample(list(taken), len(taken)):
            taken[name].append(_start(environment, name))
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
    code, package = CODE[name]
    said = subprocess.run(
        [environment.python, "-c", TIMED.format(code)],
        env=environment.variables(package),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(said.stdout)
