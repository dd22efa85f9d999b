"""Measure what telemetry costs, beside its peers: all parts, or those that are named.

make bench
make bench PART="requests lines"
make bench ARGS="--python 3.13"
"""

from __future__ import annotations

import argparse
import importlib
import time

from tests.support import REPOSITORY

from .environment import Environment
from .machine import describe
from .report import markdown, put_into_readme
from .results import Result

# What is measured together, by its modules in `parts`.
PARTS = {
    "requests": ("request", "async_request", "logged_in"),
    "setups": ("setups",),
    "running": ("running",),
    "lines": ("line", "exception", "filtered"),
    "listeners": ("listeners",),
    "labels": ("labels",),
    "websocket": ("websocket",),
    "tasks": ("task_eager", "task_worker"),
    "concurrency": ("concurrency", "slow_views"),
    "memory": ("memory",),
    "imports": ("imports",),
}
RESULTS = REPOSITORY / "benchmarks" / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="part")
    parser.add_argument("--python", help="3.11, say; this one unless given")
    arguments = parser.parse_args()
    environment = Environment(arguments.python)
    results: dict[str, Result] = {}
    for name in arguments.parts or PARTS:
        started = time.monotonic()
        for part in PARTS[name]:
            module = importlib.import_module(f"benchmarks.parts.{part}")
            found = module.measure(environment)
            for result in found if isinstance(found, list) else [found]:
                results[result.title] = result
                print(markdown({part: result}))
        print(f"{time.monotonic() - started:.0f} s\n", flush=True)
    if arguments.parts:
        return
    machine = describe(environment)
    RESULTS.mkdir(exist_ok=True)
    name = f"python{environment.minor}"
    (RESULTS / f"{name}.md").write_text(f"{machine}\n\n{markdown(results)}")
    put_into_readme(machine, results)


if __name__ == "__main__":
    main()
