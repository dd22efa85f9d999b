"""Slices: worker processes take turns, so that whatever disturbs one disturbs all alike."""

from __future__ import annotations

import contextlib
import itertools
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

# Of each variant: where its code comes to lie in memory can cost it a fifth.
PROCESSES = 4


def take(
    environment: Environment,
    part: str,
    variants: Iterable[str],
    rounds: int,
    processes: int = PROCESSES,
) -> tuple[Slices, dict[str, list[str]]]:
    """Return `rounds` slices of each variant, and the lines that one operation writes."""
    with contextlib.ExitStack() as stack:
        teams = [
            {
                variant: stack.enter_context(_worker(environment, part, variant))
                for variant in variants
            }
            for _ in range(processes)
        ]
        for team in teams:
            written = {variant: worker.recv() for variant, worker in team.items()}
        slices: Slices = {variant: [] for variant in team}
        for team in itertools.islice(itertools.cycle(teams), rounds):
            for variant in random.sample(list(team), len(team)):
                team[variant].send(True)
                slices[variant].append(team[variant].recv())
    return slices, written


@contextlib.contextmanager
def _worker(environment: Environment, part: str, variant: str) -> Iterator[Connection]:
    name, _, package = variant.partition("@")
    said = environment.folder / f"{part}-{variant}.log"
    ours, theirs = Pipe()
    command = [environment.python, "-m", "benchmarks.worker", part, name]
    with said.open("a") as stderr:
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
