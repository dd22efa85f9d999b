"""A request's cost beside many others, in threads and in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from django.core.handlers.asgi import ASGIHandler

from ..compare import compare
from ..project import async_request, start, sync_requests
from ..results import Result

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
}


def measure(environment: Environment) -> Result:
    return compare(
        environment, "concurrency", "Requests at a time", VARIANTS, rounds=40
    )


def make(variant: str) -> Callable[[int], object]:
    peer, kind, number = variant.split("-")
    if kind == "threads":
        start(peer)
        return _in_threads(int(number))
    start(peer, MIDDLEWARE=[])
    return _in_a_loop(int(number))


def _in_threads(threads: int) -> Callable[[int], object]:
    serve = sync_requests()
    pool = ThreadPoolExecutor(threads)

    def run(count: int) -> None:
        share, rest = divmod(count, threads)
        list(pool.map(serve, [share + 1] * rest + [share] * (threads - rest)))

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
