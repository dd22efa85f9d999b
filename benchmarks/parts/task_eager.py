"""A Celery task in eager mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..compare import compare
from ..project import start
from ..results import Result, Target

if TYPE_CHECKING:
    from ..environment import Environment

VARIANTS = {
    "bare": "bare Celery",
    "ours": "**telemetry**",
    "django_structlog_full": "django-structlog's signals",
}


def measure(environment: Environment) -> Result:
    return compare(
        environment,
        "task_eager",
        "Task, eager",
        VARIANTS,
        base="bare",
        targets=[Target(1 / 1.7, "django_structlog_full")],
    )


def make(variant: str) -> Callable[[int], object]:
    app = application(variant, task_always_eager=True)

    @app.task(name="shop.ship")
    def task(number: int) -> int:
        return number

    def run(count: int) -> None:
        for number in range(count):
            task.delay(number)

    return run


def application(variant: str, **configuration: Any) -> Any:
    """Return a Celery application with the peer's way to log tasks."""
    from celery import Celery

    start(variant)
    options: dict[str, Any] = {}
    if variant == "ours":
        from telemetry.celery import TelemetryTask

        options["task_cls"] = TelemetryTask
    elif variant == "django_structlog_full":
        from django_structlog.celery.receivers import CeleryReceiver

        receiver = CeleryReceiver()
        receiver.connect_worker_signals()
        # Signals hold receivers weakly.
        options["changes"] = {"receiver": receiver}
    app = Celery("shop", broker="memory://", set_as_current=True, **options)
    app.conf.update(task_ignore_result=True, **configuration)
    return app
