"""A task has its caller's context, and leaves the lines of its run."""

from typing import Any

from celery import Celery
from celery.exceptions import Reject
from structlog.contextvars import bind_contextvars, bound_contextvars, get_contextvars

from ..celery import TelemetryTask, connect_signals, pack, unpack
from ..logging import get_logger
from .lines import LinesTestCase

log = get_logger("shop")

app = Celery("shop", task_cls=TelemetryTask, fixups=[], set_as_current=False)
app.conf.update(task_always_eager=True, task_eager_propagates=False)
connect_signals()  # Also where TELEMETRY_ENABLED is false.


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
    def test_lines_have_the_callers_context_and_the_tasks_own(self) -> None:
        with bound_contextvars(**{"request.id": "r-1", "tenant": "north"}):
            result = add.delay(1, 2)
            assert get_contextvars() == {"request.id": "r-1", "tenant": "north"}
        assert self.output.events == ["task_started", "added", "task_completed"]
        for line in self.output.lines:
            assert line["request.id"] == "r-1"
            assert line["tenant"] == "north"
            assert line["task.id"] == result.id
            assert line["task.name"] == add.name
        last = self.output.lines[-1]
        assert last["shelf"] == "top"
        assert last["task.retries"] == 0
        assert isinstance(last["duration_ms"], float)

    def test_failure_has_its_traceback(self) -> None:
        broken.delay()
        assert self.output.events == ["task_started", "task_failed"]
        line = self.output.lines[-1]
        assert line["level"] == "error"
        assert line["error.type"] == "ValueError"
        assert "in broken\n" in line["exception"]

    def test_retry_is_no_failure(self) -> None:
        flaky.delay()
        assert self.output.events == [
            "task_started",
            "task_retried",
            "task_started",
            "task_completed",
        ]
        [line] = self.output.named("task_retried")
        assert line["level"] == "warning"
        assert "ValueError" in line["reason"]
        assert "t0ps3cret" not in self.output.text

    def test_rejected_task_is_no_failure(self) -> None:
        rejected.delay()
        line = self.output.lines[-1]
        assert (line["event"], line["level"]) == ("task_rejected", "warning")
        assert "exception" not in line

    def test_context_arguments_set_the_context_and_never_reach_the_task(self) -> None:
        given = {"_request_id": "r-2", "_user_id": 7}
        calls: list[tuple[str, Any]] = [
            ("delay", lambda: add.delay(1, 2, **given).get()),
            ("apply_async", lambda: add.apply_async((1, 2), given).get()),
            ("signature", lambda: add.s(1, 2, **given).delay().get()),
            ("direct", lambda: add(1, 2, **given)),
        ]
        for name, call in calls:
            with self.subTest(name):
                assert call() == 3
                line = self.output.named("added")[-1]
                assert (line["request.id"], line["user.id"]) == ("r-2", 7)
        assert get_contextvars() == {}

    def test_direct_call_logs_nothing(self) -> None:
        assert add(1, 2) == 3
        assert self.output.events == ["added"]

    def test_header_carries_what_is_bound_without_secrets(self) -> None:
        fields = {"request.id": "r-4", "labels": ["team"], "team.id": 5}
        header = pack({**fields, "task.id": "mine", "long": "x" * 1_000})
        assert unpack(header)[1] == fields
        assert "t0ps3cret" not in pack({"password": "t0ps3cret"})
        for foreign in [None, 5, "", "[]", "{}", "[1, 2]", "[null, {}]"]:
            assert unpack(foreign) == (None, {})
