"""Memory after 100,000 requests and 10,000 connections, beside Django alone."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..project import start, sync_requests
from ..results import Result, Row, Verdict
from .websocket import connect_once, consumer

if TYPE_CHECKING:
    from ..environment import Environment

COUNTS = {"requests": 100_000, "connections": 10_000}
# In KB: what an allocator's arenas may differ by.
LIMIT = 512


def measure(environment: Environment) -> Result:
    result = Result("Memory", "growth")
    for kind, count in COUNTS.items():
        bare, ours = (
            _start(environment, kind, variant) for variant in ("bare", "ours")
        )
        grown = {"bare Django": _grown(bare), "**telemetry**": _grown(ours)}
        for name, (resident, blocks) in grown.items():
            title = f"{name}, {count:,} {kind}"
            note = f"{blocks:+,} blocks of Python's"
            result.rows.append(Row(title, resident, resident, resident, "KB", note))
        excess = grown["**telemetry**"][0] - grown["bare Django"][0]
        text = f"{count:,} {kind}: at most {LIMIT} KB more than bare Django's"
        result.verdicts.append(Verdict(text, excess / LIMIT, 1, f"{excess:+,} KB"))
    return result


def _start(environment: Environment, kind: str, variant: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [environment.python, "-m", "benchmarks.parts.memory", kind, variant],
        env=environment.variables(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _grown(process: subprocess.Popen[str]) -> tuple[int, int]:
    """Return kilobytes and blocks, which the process says last."""
    _, said = process.communicate()
    if process.returncode:
        raise RuntimeError(said)
    resident, blocks = said.splitlines()[-1].split()
    return int(resident), int(blocks)


def grow(kind: str, variant: str) -> None:
    """Do it, in a process of its own, and say on stderr what it left behind."""
    start(variant)
    run = sync_requests() if kind == "requests" else _connections(variant)
    run(COUNTS[kind] // 20)
    before = _used()
    run(COUNTS[kind])
    after = _used()
    print(*(b - a for a, b in zip(before, after, strict=True)), file=sys.stderr)


def _connections(variant: str) -> Callable[[int], None]:
    application = consumer(variant)

    async def serve(count: int) -> None:
        for _ in range(count):
            await connect_once(application)

    return lambda count: asyncio.run(serve(count))


def _used() -> tuple[int, int]:
    gc.collect()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]), sys.getallocatedblocks()
    raise RuntimeError("Memory is read from /proc, as Linux has it.")


if __name__ == "__main__":
    grow(sys.argv[1], sys.argv[2])
