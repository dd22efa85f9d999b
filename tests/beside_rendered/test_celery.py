"""A task has its caller's context, and leaves the lines of its run."""

from typing import Any

from celery import Celery
from celery.exceptions import Ignore, Reject
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


@app.task(bind=True)
def add_bound(self: Any, left: int, right: int) -> Any:
    log.info("added", own=self.request.id)
    return left + right


@app.task
def outer(depth: int) -> None:
    if depth:
        outer.delay(depth - 1)
    log.info("outer", depth=depth)


@app.task(bind=True, max_retries=1)
def flaky(self: Any, always: bool) -> str:
    if always or not self.request.retries:
        raise self.retry(exc=ValueError("token=t0ps3cret"), countdown=0)
    return "done"


@app.task
def broken() -> None:
    raise ValueError("broken on purpose")


@app.task(throws=(KeyError,))
def expected() -> None:
    raise KeyError("nobody")


@app.task
def ignored() -> None:
    raise Ignore


@app.task
def rejected() -> None:
    raise Reject("not mine", requeue=False)


class EagerTaskTests(LinesTestCase):
    def test_lines_carry_the_callers_context_and_the_tasks_own(self) -> None:
        with bound_contextvars(**{"request.id": "r-1", "tenant": "north"}):
            result = add.delay(1, 2)
        self.assertEqual(result.get(), 3)
        lines = self.output.lines
        self.assertEqual(
            [line["event"] for line in lines],
            ["task_started", "added", "task_completed"],
        )
        for line in lines:
            self.assertEqual(line["request.id"], "r-1")
            self.assertEqual(line["tenant"], "north")
            self.assertEqual(line["task.id"], result.id)
            self.assertEqual(line["task.name"], add.name)
        self.assertEqual(lines[-1]["shelf"], "top")
        self.assertEqual(lines[-1]["task.retries"], 0)
        self.assertIsInstance(lines[-1]["duration_ms"], float)

    def test_callers_context_is_left_as_it_was(self) -> None:
        with bound_contextvars(**{"request.id": "r-1", "shelf": "low"}):
            before = get_contextvars()
            add.delay(1, 2)
            outer.delay(3)
            broken.delay()
            self.assertEqual(get_contextvars(), before)
        self.assertEqual(get_contextvars(), {})

    def test_nested_tasks_have_ids_of_their_own_and_one_request(self) -> None:
        outer.delay(3)
        lines = self.output.named("outer")
        self.assertEqual([line["depth"] for line in lines], [0, 1, 2, 3])
        self.assertEqual(len({line["task.id"] for line in lines}), 4)
        self.assertEqual(len({line["request.id"] for line in lines}), 1)

    def test_failure_is_told_once_with_its_traceback(self) -> None:
        broken.delay()
        self.assertEqual(
            [line["event"] for line in self.output.lines],
            ["task_started", "task_failed"],
        )
        line = self.output.lines[-1]
        self.assertEqual(line["level"], "error")
        self.assertEqual(line["error.type"], "ValueError")
        self.assertIn("in broken\n", line["exception"])

    def test_propagated_failure_is_told_once(self) -> None:
        with self.assertRaises(ValueError):
            broken.apply(throw=True)
        [line] = self.output.named("task_failed")
        self.assertEqual(line["error.message"], "broken on purpose")

    def test_caller_that_handles_an_exception_is_no_failure(self) -> None:
        try:
            raise KeyError
        except KeyError:
            add.delay(1, 2)
        self.assertEqual(len(self.output.named("task_completed")), 1)

    def test_retry_is_no_failure(self) -> None:
        flaky.delay(always=False)
        self.assertEqual(
            [line["event"] for line in self.output.lines],
            ["task_started", "task_retried", "task_started", "task_completed"],
        )
        [line] = self.output.named("task_retried")
        self.assertEqual(line["level"], "warning")
        self.assertIn("ValueError", line["reason"])
        self.assertNotIn("t0ps3cret", self.output.text)
        self.assertEqual(self.output.lines[-1]["task.retries"], 1)

    def test_last_retry_is_a_failure(self) -> None:
        flaky.delay(always=True)
        self.assertEqual(len(self.output.named("task_retried")), 1)
        self.assertEqual(len(self.output.named("task_failed")), 1)

    def test_other_endings(self) -> None:
        for task, event, level in [
            (ignored, "task_ignored", "info"),
            (rejected, "task_rejected", "warning"),
            (expected, "task_failed", "info"),
        ]:
            with self.subTest(task=task.name):
                before = len(self.output.lines)
                task.delay()
                started, ended = self.output.lines[before:]
                self.assertEqual(started["event"], "task_started")
                self.assertEqual(ended["event"], event)
                self.assertEqual(ended["level"], level)
                self.assertNotIn("exception", ended)


class ContextArgumentTests(LinesTestCase):
    def test_they_set_the_context_and_never_reach_the_task(self) -> None:
        given = {"_request_id": "r-2", "_user_id": 7}
        arguments = {"left": 1, "right": 2, **given}
        calls: list[tuple[str, Any]] = [
            ("delay", lambda: add.delay(1, 2, **given).get()),
            ("bound", lambda: add_bound.delay(1, 2, **given).get()),
            ("apply_async", lambda: add.apply_async((), arguments).get()),
            ("apply", lambda: add.apply((1, 2), given).get()),
            ("signature", lambda: add.s(1, 2, **given).delay().get()),
            ("direct", lambda: add(1, 2, **given)),
            ("direct, bound", lambda: add_bound(1, 2, **given)),
        ]
        for name, call in calls:
            with self.subTest(name), bound_contextvars(**{"user.id": 1}):
                self.assertEqual(call(), 3)
                line = self.output.named("added")[-1]
                self.assertEqual(line["request.id"], "r-2")
                self.assertEqual(line["user.id"], 7)
                self.assertEqual(get_contextvars(), {"user.id": 1})

    def test_bound_task_keeps_its_request(self) -> None:
        result = add_bound.delay(1, 2)
        [line] = self.output.named("added")
        self.assertEqual(line["own"], result.id)

    def test_wrong_arguments_are_still_refused(self) -> None:
        with self.assertRaises(TypeError):
            add.delay(1, _request_id="r-2")


class DirectCallTests(LinesTestCase):
    def test_it_is_no_run_of_a_task(self) -> None:
        with bound_contextvars(**{"request.id": "r-3"}):
            self.assertEqual(add(1, 2), 3)
            self.assertEqual(get_contextvars(), {"request.id": "r-3"})
        [line] = self.output.lines
        self.assertEqual(line["event"], "added")
        self.assertEqual(line["request.id"], "r-3")


class Unfriendly:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class HeaderTests(LinesTestCase):
    def test_it_carries_what_is_bound(self) -> None:
        fields = {"request.id": "r-4", "labels": ["team"], "team.id": 5}
        _, carried = unpack(pack({**fields, "task.id": "mine"}))
        self.assertEqual(carried, fields)

    def test_long_values_stay_behind(self) -> None:
        header = pack({"request.id": "r-5", "long": "x" * 1_000, "z": 1})
        _, carried = unpack(header)
        self.assertEqual(carried, {"request.id": "r-5", "z": 1})

    def test_secrets_do_not_travel(self) -> None:
        self.assertNotIn("t0ps3cret", pack({"password": "t0ps3cret"}))

    def test_header_of_others_is_none(self) -> None:
        for header in [None, 5, "", "[]", "{}", "[1, 2]", "[null, {}]"]:
            with self.subTest(header=header):
                self.assertEqual(unpack(header), (None, {}))
