"""A worker runs tasks in the context of whoever sent them."""

from typing import Any, cast

from celery import Celery, Task, chain
from celery.contrib.testing.worker import start_worker
from celery.worker import state
from structlog.contextvars import bind_contextvars, bound_contextvars

from ..celery import TelemetryTask
from ..logging import get_logger
from .lines import LinesTestCase, captured

log = get_logger("shop")

app = Celery(
    "shop",
    broker="memory://localhost/",
    backend="cache+memory://",
    task_cls=TelemetryTask,
    fixups=[],
    set_as_current=False,
)
app.conf.broker_transport_options = {"polling_interval": 0.01}


@app.task
def add(left: int, right: int) -> int:
    log.info("added")
    bind_contextvars(shelf="top")
    return left + right


@app.task
def nest() -> None:
    app.send_task(add.name, (1, 2))


@app.task(bind=True)
def flaky(self: Any) -> Any:
    if not self.request.retries:
        raise self.retry(countdown=0.01)
    return self.request.get("tenant")


class Reporting(TelemetryTask):
    abstract = True

    def on_failure(self, *args: Any, **kwargs: Any) -> None:
        log.info("reported")


@app.task(base=Reporting)
def broken() -> None:
    raise ValueError("broken on purpose")


@app.task(base=Task)
def pause() -> None:
    """No task of ours, so it leaves no lines."""


class WorkerTests(LinesTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.enterClassContext(captured())
        # As a worker's program does it: before it sets up logging.
        app.loader.import_default_modules()
        worker = start_worker(cast(Any, app), perform_ping_check=False)
        cls.enterClassContext(worker)
        cls.addClassCleanup(cls.stop_waiting)

    @classmethod
    def stop_waiting(cls) -> None:
        """Spare the worker its last two waits, of two seconds each."""
        cast(Any, state).should_terminate = 0
        pause.delay()
        pause.delay()

    def finish(self, result: Any) -> Any:
        """Wait for the end of the task, its last line included."""
        value = result.get(timeout=10, interval=0.01, propagate=False)
        # The worker runs one task after another.
        pause.delay().get(timeout=10, interval=0.01)
        return value

    def test_context_travels_by_itself(self) -> None:
        with bound_contextvars(**{"request.id": "r-1", "user.id": 7}):
            self.assertEqual(self.finish(add.delay(1, 2)), 3)
            self.assertEqual(self.finish(chain(add.s(1, 2), add.s(3))()), 6)
        lines = self.output.named("task_completed")
        self.assertEqual(len(lines), 3)
        for line in lines:
            self.assertEqual(line["request.id"], "r-1")
            self.assertEqual(line["user.id"], 7)
            self.assertEqual(line["shelf"], "top")
            self.assertGreaterEqual(line["queue_wait_ms"], 0)
        travelled = ["shelf" in line for line in self.output.named("added")]
        self.assertEqual(travelled, [False, False, True])

    def test_task_without_a_request_begins_one(self) -> None:
        result = nest.delay()
        self.finish(result)
        lines = self.output.named("task_completed")
        self.assertEqual({line["request.id"] for line in lines}, {result.id})

    def test_retry_keeps_context_and_the_callers_own_headers(self) -> None:
        with bound_contextvars(**{"request.id": "r-2"}):
            result = flaky.apply_async(headers={"tenant": "north"})
        self.assertEqual(self.finish(result), "north")
        started = self.output.named("task_started")
        self.assertEqual([line["task.retries"] for line in started], [0, 1])
        self.assertEqual([line["request.id"] for line in started], ["r-2"] * 2)

    def test_failure_is_told_once_and_its_handler_has_context(self) -> None:
        with bound_contextvars(**{"request.id": "r-3"}):
            self.finish(broken.delay())
        [line] = self.output.named("reported")
        self.assertEqual(line["request.id"], "r-3")
        told = [line for line in self.output.lines if "error.type" in line]
        self.assertEqual([line["event"] for line in told], ["task_failed"])

    def test_odd_context_never_stops_a_publish(self) -> None:
        with bound_contextvars(odd=object(), long="x" * 100_000):
            self.assertEqual(self.finish(add.delay(1, 2)), 3)
