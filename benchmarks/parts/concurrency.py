"""A request's or a line's cost beside many others, in threads and in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING

from django.core.handlers.asgi import ASGIHandler

from ..compare import compare
from ..project import async_request, start, sync_requests
from ..results import Result
from . import line

if TYPE_CHECKING:
    from ..environment import Environment

PEERS = {
    "bare": "bare Django",
    "floor": "hand-written floor",
    "ours": "**telemetry**",
}
KINDS = {
    "threads-1": "1 thread",
    "threads-32": "32 threads",
    "async-1": "1 async request at a time",
    "async-1000": "1,000 async requests at a time",
}
VARIANTS = {
    f"{peer}-{kind}": f"{name}, {how}"
    for kind, how in KINDS.items()
    for peer, name in PEERS.items()
} | {
    f"{peer}-lines-{number}": f"{PEERS[peer]}, a line from {how}"
    for number, how in ((1, "1 thread"), (32, "32 threads"))
    for peer in ("floor", "ours")
}


def measure(environment: Environment) -> Result:
    return compare(
        environment, "concurrency", "Requests at a time", VARIANTS, rounds=40
    )


def make(variant: str) -> Callable[[int], object]:
    peer, kind, number = variant.split("-")
    if kind == "lines":
        return _in_threads(line.make(peer), int(number))
    if kind == "threads":
        start(peer)
        return _in_threads(sync_requests(), int(number))
    start(peer, MIDDLEWARE=[])
    return _in_a_loop(int(number))


def _in_threads(work: Callable[[int], object], threads: int) -> Callable[[int], object]:
    pool = ThreadPoolExecutor(threads)

    def run(count: int) -> None:
        share, rest = divmod(count, threads)
        contexts = [copy_context() for _ in range(threads)]
        shares = [share + 1] * rest + [share] * (threads - rest)
        list(pool.map(lambda context, n: context.run(work, n), contexts, shares))

    return run


def _in_a_loop(at_a_time: int) -> Callable[[int], object]:
    handler = ASGIHandler()
    runner = asyncio.Runner()

    async def serve(count: int) -> None:
        while count > 0:
            batch = min(count, at_a_time)
            await asyncio.gather(*(async_request(handler) for _ in range(batch)))
            count -= batch

    return lambda count: runner.run(serve(count))
