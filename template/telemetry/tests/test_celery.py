"""A task has its sender's context, and lines about its run."""

import os
from typing import Any

from celery import Celery
from celery.exceptions import Reject
from structlog.contextvars import bind_contextvars, bound_contextvars, get_contextvars

from ..celery import TelemetryTask, connect_signals
from ..logging import get_logger
from .lines import LinesTestCase

log = get_logger("shop")

app = Celery(
    "shop",
    task_cls=TelemetryTask,
    broker="memory://tests",
    fixups=[],
    set_as_current=False,
)
app.conf.update(task_always_eager=True, task_eager_propagates=False)


@app.task
def add(left: int, right: int) -> int:
    log.info("added")
    bind_contextvars(shelf="top")
    return left + right


@app.task(bind=True, max_retries=1)
def flaky(self: Any) -> None:
    if not self.request.retries:
        raise self.retry(exc=ValueError("token=t0ps3cret"), countdown=0)


@app.task
def broken() -> None:
    raise ValueError("broken on purpose")


@app.task
def rejected() -> None:
    raise Reject("not mine", requeue=False)


class TaskTests(LinesTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        connect_signals()  # Also where TELEMETRY_ENABLED is false.

    def setUp(self) -> None:
        super().setUp()
        # Celery prefers these to the broker of an application.
        for name in [name for name in os.environ if name.startswith("CELERY_")]:
            del os.environ[name]

    def test_lines_have_the_senders_context_and_the_tasks_own(self) -> None:
        with bound_contextvars(**{"request.id": "r-1", "tenant": "north"}):
            result = add.delay(1, 2)
            self.assertEqual(
                get_contextvars(), {"request.id": "r-1", "tenant": "north"}
            )
        self.assertEqual(
            self.output.events, ["task_started", "added", "task_completed"]
        )
        for line in self.output.lines:
            self.assertEqual(line["request.id"], "r-1")
            self.assertEqual(line["tenant"], "north")
            self.assertEqual(line["task.id"], result.id)
            self.assertEqual(line["task.name"], add.name)
        last = self.output.lines[-1]
        self.assertEqual(last["shelf"], "top")
        self.assertIsInstance(last["duration_ms"], float)

    def test_failure_has_its_traceback(self) -> None:
        broken.delay()
        [line] = self.output.named("task_failed")
        self.assertEqual(line["error.type"], "ValueError")
        self.assertIn("in broken\n", line["exception"])

    def test_retry_is_no_failure(self) -> None:
        flaky.delay()
        self.assertEqual(self.output.named("task_failed"), [])
        [line] = self.output.named("task_retried")
        self.assertIn("ValueError", line["reason"])
        self.assertNotIn("t0ps3cret", self.output.text)

    def test_rejected_task_is_no_failure(self) -> None:
        rejected.delay()
        self.assertEqual(self.output.named("task_failed"), [])
        [line] = self.output.named("task_rejected")
        self.assertNotIn("exception", line)

    def test_context_arguments_set_the_context_and_never_reach_the_task(self) -> None:
        given: dict[str, Any] = {"_request_id": "r-2", "_user_id": 7}
        calls: list[tuple[str, Any]] = [
            ("delay", lambda: add.delay(1, 2, **given).get()),
            ("apply_async", lambda: add.apply_async((1, 2), given).get()),
            ("signature", lambda: add.s(1, 2, **given).delay().get()),
            ("direct", lambda: add(1, 2, **given)),
        ]
        for name, call in calls:
            with self.subTest(name):
                self.assertEqual(call(), 3)
                line = self.output.named("added")[-1]
                self.assertEqual(line["request.id"], "r-2")
                self.assertEqual(line["user.id"], 7)
        self.assertEqual(get_contextvars(), {})

    def test_direct_call_logs_nothing(self) -> None:
        self.assertEqual(add(1, 2), 3)
        self.assertEqual(self.output.events, ["added"])
