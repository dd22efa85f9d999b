"""A Celery task, published to and run by a worker of the same process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..compare import compare
from ..results import Result, Target
from .task_eager import VARIANTS, application

if TYPE_CHECKING:
    from ..environment import Environment

# What happens once in a slice, as the look into an empty queue, is a small part of it.
SLICE = 50_000_000

# Keeps the worker going until the process ends.
_running = contextlib.ExitStack()


def measure(environment: Environment) -> Result:
    return compare(
        environment,
        "task_worker",
        "Task, published and run by a worker",
        VARIANTS,
        base="bare",
        targets=[Target(1 / 2.2, "django_structlog_full")],
        rounds=48,
        processes=8,
    )


def make(variant: str) -> Callable[[int], object]:
    from celery.contrib.testing.worker import start_worker
    from celery.signals import task_postrun

    app = application(
        variant,
        # In seconds; those that wait for their turn disturb those that have it.
        broker_transport_options={"polling_interval": 0.05},
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    published, finished = threading.Event(), threading.Event()
    waiting = 0

    @app.task(name="shop.ship")
    def task(number: int) -> int:
        # Publisher and worker would fight for the interpreter.
        published.wait()
        return number

    def count_down(**_: object) -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting:
            finished.set()

    # Connected last, and so called when everybody has written.
    task_postrun.connect(count_down, weak=False)

    worker = start_worker(app, perform_ping_check=False, loglevel="INFO")
    _running.enter_context(worker)

    def run(count: int) -> None:
        nonlocal waiting
        waiting = count
        finished.clear()
        published.clear()
        for number in range(count):
            task.delay(number)
        published.set()
        finished.wait()

    return run
