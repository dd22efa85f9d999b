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

# Keeps the worker going until the process ends.
_running = contextlib.ExitStack()


def measure(environment: Environment) -> Result:
    return compare(
        environment,
        "task_worker",
        "Task, published and run by a worker",
        VARIANTS,
        base="bare",
        targets=[Target(1 / 2, "django_structlog_full")],
        rounds=96,
        processes=8,
    )


def make(variant: str) -> Callable[[int], object]:
    from celery.contrib.testing.worker import start_worker
    from celery.signals import task_postrun

    app = application(
        variant,
        broker_transport_options={"polling_interval": 0.001},
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    done = threading.Semaphore(0)

    @app.task(name="shop.ship")
    def task(number: int) -> int:
        return number

    # Connected last, and so called when everybody has written.
    task_postrun.connect(lambda **_: done.release(), weak=False)

    worker = start_worker(app, perform_ping_check=False, loglevel="INFO")
    _running.enter_context(worker)

    def run(count: int) -> None:
        for number in range(count):
            task.delay(number)
        for _ in range(count):
            done.acquire()

    return run
