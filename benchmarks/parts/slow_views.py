"""200 slow async views at a time: how long they take together, and with how many threads."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from django.core.handlers.asgi import ASGIHandler

from ..project import SLOW_PATH, async_request, start
from ..results import Result, Row, Verdict

if TYPE_CHECKING:
    from ..environment import Environment

VARIANTS = {"bare": "bare Django", "ours": "**telemetry**"}
ROUNDS = 9
AT_A_TIME = 200


def measure(environment: Environment) -> Result:
    result = Result("200 async views at a time that wait 100 ms", "all together")
    walls: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    threads = dict.fromkeys(VARIANTS, 0)
    for _ in range(ROUNDS):
        for variant in VARIANTS:
            wall, threads[variant] = _run(environment, variant)
            walls[variant].append(wall)
    for variant, name in VARIANTS.items():
        note = f"threads: {threads[variant]}"
        result.rows.append(Row.of(name, walls[variant], unit="ms", note=note))
    bare, ours = result.rows
    verdict = Verdict("≤ 1.25 × bare Django", ours.value / bare.value, 1.25)
    result.verdicts.append(verdict)
    more = threads["ours"] - threads["bare"]
    result.verdicts.append(Verdict("no more threads", more, 0, f"{more:+d}"))
    return result


def _run(environment: Environment, variant: str) -> tuple[float, int]:
    """Return milliseconds and threads, which a process of its own counts."""
    finished = subprocess.run(
        [environment.python, "-m", "benchmarks.parts.slow_views", variant],
        env=environment.variables(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    wall, threads = finished.stderr.splitlines()[-1].split()
    return float(wall), int(threads)


def serve(variant: str) -> None:
    start(variant, MIDDLEWARE=[])
    handler = ASGIHandler()

    async def all_at_a_time() -> float:
        started = time.perf_counter()
        requests = (async_request(handler, SLOW_PATH) for _ in range(AT_A_TIME))
        await asyncio.gather(*requests)
        return (time.perf_counter() - started) * 1000

    async def run() -> None:
        await all_at_a_time()  # Warm up.
        wall = await all_at_a_time()
        print(wall, threading.active_count(), file=sys.stderr)

    asyncio.run(run())


if __name__ == "__main__":
    serve(sys.argv[1])
