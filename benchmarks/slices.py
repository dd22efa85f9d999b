"""Slices: worker processes take turns, so that whatever disturbs one disturbs all alike."""

from __future__ import annotations

import contextlib
import random
import subprocess
from collections.abc import Iterable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .environment import Environment


# Per variant, in nanoseconds of an operation, in the order of the rounds.
Slices = dict[str, list[float]]


def take(
    environment: Environment, part: str, variants: Iterable[str], rounds: int
) -> tuple[Slices, dict[str, list[str]]]:
    """Return `rounds` slices of each variant, and the lines that one operation writes."""
    with contextlib.ExitStack() as stack:
        workers = {
            variant: stack.enter_context(_worker(environment, part, variant))
            for variant in variants
        }
        written = {variant: worker.recv() for variant, worker in workers.items()}
        slices: Slices = {variant: [] for variant in workers}
        for _ in range(rounds):
            for variant in random.sample(list(workers), len(workers)):
                workers[variant].send(True)
                slices[variant].append(workers[variant].recv())
    return slices, written


@contextlib.contextmanager
def _worker(environment: Environment, part: str, variant: str) -> Iterator[Connection]:
    name, _, package = variant.partition("@")
    said = environment.folder / f"{part}-{variant}.log"
    ours, theirs = Pipe()
    command = [environment.python, "-m", "benchmarks.worker", part, name]
    with said.open("w") as stderr:
        process = subprocess.Popen(
            [*command, str(theirs.fileno())],
            env=environment.variables(package or "default"),
            pass_fds=[theirs.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            cwd=environment.folder,
        )
    theirs.close()
    try:
        yield ours
    except EOFError as error:
        raise RuntimeError(f"{part} {variant}\n{said.read_text()}") from error
    finally:
        ours.close()
        process.wait(30)
