"""Lines a second of one process, to a file and to a pipe whose reader is slow."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from ..project import start
from ..results import Result, Row
from .line import bind

if TYPE_CHECKING:
    from ..environment import Environment

LINES = 10_000
NAMES = {"ours": "**telemetry**", "structlog_recipe": "structlog, recipe for logging"}
# In bytes and seconds: 64 KB every 25 ms is about 2.5 MB a second.
CHUNK, PAUSE = 64 * 1024, 0.025


def measure(environment: Environment) -> Result:
    result = Result("Lines a second", "lines a second")
    for sink in ("file", "slow pipe"):
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in NAMES}
        for _ in range(3):
            for name, values in taken.items():
                values.append(_write(environment, name, sink))
        for name, values in taken.items():
            rates = [LINES / value["seconds"] for value in values]
            cost = median(value["cpu"] for value in values) / LINES * 1e6
            longest = max(value["longest"] for value in values) * 1e3
            note = f"{cost:.1f} µs CPU a line, longest call {longest:.1f} ms"
            if lost := LINES * len(values) - sum(value["seen"] for value in values):
                note += f", {lost:,.0f} lines lost"
            result.rows.append(_row(f"{NAMES[name]}, to a {sink}", rates, note))
    return result


def _row(name: str, rates: Sequence[float], note: str) -> Row:
    return Row.of(name, rates, unit="", note=note)


def _write(environment: Environment, peer: str, sink: str) -> dict[str, float]:
    command = [environment.python, "-m", "benchmarks.parts.throughput", peer]
    variables = environment.variables()
    if sink == "file":
        path = environment.folder / "lines"
        with path.open("wb") as file:
            said = subprocess.run(
                command, env=variables, stdout=file, stderr=subprocess.PIPE, check=True
            ).stderr
        seen = path.read_bytes().count(b"item_sold")
    else:
        with subprocess.Popen(
            command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout
            assert process.stderr
            seen = 0
            while chunk := os.read(process.stdout.fileno(), CHUNK):
                seen += chunk.count(b"\n")
                time.sleep(PAUSE)
            said = process.stderr.read()
    seconds, cpu, longest = map(float, said.split()[-3:])
    return {"seconds": seconds, "cpu": cpu, "longest": longest, "seen": seen}


def write(peer: str) -> None:
    """Do it, in a process of its own, and say on stderr how long it took."""
    log = start(peer).get_logger()
    bind(peer)
    longest = 0.0
    started, cpu = time.perf_counter(), time.process_time()
    for number in range(LINES):
        called = time.perf_counter()
        log.info("item_sold", item=number, price=2.5)
        longest = max(longest, time.perf_counter() - called)
    seconds = time.perf_counter() - started
    print(seconds, time.process_time() - cpu, longest, file=sys.stderr)


if __name__ == "__main__":
    write(sys.argv[1])
