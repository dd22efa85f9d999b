"""A task has its caller's context, and leaves the lines of its run."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from celery import Celery
from celery.exceptions import Ignore, Reject
from structlog.contextvars import bind_contextvars, bound_contextvars, get_contextvars

from .. import fields
from ..celery import TelemetryTask, connect_signals, send_context
from ..internals.scope import Scope, current_scope
from ..internals.task_header import HEADER, pack, unpack
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


@app.task
def countdown(number: int) -> int:
    """Call itself directly, and handle what that raises."""
    if not number:
        raise ValueError("zero")
    try:
        return int(countdown(number - 1))
    except ValueError:
        return number


@app.task
def leaves_a_scope_open() -> None:
    Scope({"request.id": "inner"})


class WithHooks(TelemetryTask):
    abstract = True

    def on_failure(self, *_: object) -> None:
        log.info("on_failure")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.run(*args, **kwargs)


@app.task(base=WithHooks)
def hooked(error: str) -> int:
    if error:
        raise ValueError(error)
    return 1


class TaskTestCase(LinesTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        connect_signals()  # Also where TELEMETRY_ENABLED is false.

    def setUp(self) -> None:
        super().setUp()
        # Celery prefers these to the broker of an application.
        for name in [name for name in os.environ if name.startswith("CELERY_")]:
            del os.environ[name]


class EagerTaskTests(TaskTestCase):
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

    @patch.object(fields, "task_level", fields.task_level)
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
        self.assertEqual(self.output.named("task_rejected")[0]["reason"], "not mine")

    def test_failing_direct_call_within_a_task_is_not_its_outcome(self) -> None:
        self.assertEqual(countdown.delay(1).get(), 1)
        self.assertEqual(self.output.events, ["task_started", "task_completed"])

    def test_scope_that_a_task_leaves_open_costs_no_line(self) -> None:
        leaves_a_scope_open.delay()
        self.assertEqual(self.output.events[-1], "task_completed")
        self.assertEqual(get_contextvars(), {})
        self.assertIsNone(current_scope())

    def test_hooks_have_the_context_and_may_replace_the_call(self) -> None:
        for throw in (False, True):
            with self.subTest(throw=throw):
                before = len(self.output.lines)
                with self.assertRaises(ValueError):
                    hooked.apply(("broken",), throw=throw).get()
                started, *hooks, failed = self.output.lines[before:]
                self.assertEqual(failed["event"], "task_failed")
                self.assertEqual(failed["error.message"], "broken")
                self.assertEqual(len(hooks), 0 if throw else 1)
                for line in hooks:
                    self.assertEqual(line["task.id"], started["task.id"])
        hooked.delay("")
        self.assertEqual(self.output.events[-1], "task_completed")


@contextmanager
def level(name: str, value: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(value)
    try:
        yield
    finally:
        logger.setLevel(before)


def quiet(task: Any, event: str) -> int | None:
    return None


def retries_at_info(task: Any, event: str) -> int | None:
    return None if event == "task_started" else logging.INFO


def wrong(*_: object) -> Any:
    raise RuntimeError("a mistake")


class FieldsTests(TaskTestCase):
    """What an owner may write into fields.py."""

    def test_no_line_is_nothing_of_celerys_either(self) -> None:
        with patch.object(fields, "task_level", quiet):
            for task in (add.s(1, 2), broken.s(), ignored.s(), rejected.s()):
                task.delay()
        self.assertEqual(self.output.events, ["added"])

    def test_celerys_record_stays_where_our_line_is_not_written(self) -> None:
        with level("telemetry.celery", "CRITICAL"):
            for task in (add.s(1, 2), broken.s(), ignored.s(), rejected.s()):
                task.delay()
        lines = [each for each in self.output.lines if each["event"] != "added"]
        self.assertEqual({line["logger"] for line in lines}, {"celery.app.trace"})
        self.assertEqual(
            [line["task.name"] for line in lines],
            [add.name, broken.name, ignored.name, rejected.name],
        )
        self.assertFalse([line for line in lines if "data" in line])

    def test_retries_at_info_and_no_task_started(self) -> None:
        with patch.object(fields, "task_level", retries_at_info):
            flaky.delay(always=False)
        self.assertEqual(self.output.events, ["task_retried", "task_completed"])
        self.assertEqual({line["level"] for line in self.output.lines}, {"info"})

    def test_a_field_of_each_line(self) -> None:
        tenants = iter("abcd")
        with patch.object(
            fields, "task_line_fields", lambda task: {"tenant": next(tenants)}
        ):
            add.delay(1, 2)
        self.assertEqual([line["tenant"] for line in self.output.lines], list("abc"))

    def test_mistakes_cost_their_fields_and_no_task(self) -> None:
        for name in (
            "task_fields",
            "task_line_fields",
            "task_event_fields",
            "task_level",
        ):
            with self.subTest(name), patch.object(fields, name, wrong):
                before = len(self.output.lines)
                result = add.delay(1, 2)
                self.assertEqual(result.get(), 3)
                started, added, completed = self.output.lines[before:]
                self.assertEqual(completed["event"], "task_completed")
                self.assertEqual(completed["task.id"], result.id)
                self.assertIn("a mistake", completed["telemetry.error"])
                self.assertEqual(completed["task.name"], added["task.name"])


class ContextArgumentTests(TaskTestCase):
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


class DirectCallTests(TaskTestCase):
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
        headers: dict[str, Any] = {}
        with bound_contextvars(password="t0ps3cret"):
            send_context(headers)
        self.assertIn("password", headers[HEADER])
        self.assertNotIn("t0ps3cret", headers[HEADER])

    def test_header_of_others_is_none(self) -> None:
        for header in [None, 5, "", "[]", "{}", "[1, 2]", "[null, {}]", "[" * 99]:
            with self.subTest(header=header):
                self.assertEqual(unpack(header), (None, {}))

    def test_header_never_sets_what_is_the_lines_own(self) -> None:
        own = ("event", "level", "task.id", "task.name", "trace_id", "span_id")
        _, carried = unpack(json.dumps([1, {**dict.fromkeys(own, "x"), "a": 1}]))
        self.assertEqual(carried, {"a": 1})

    def test_header_is_bounded(self) -> None:
        many = {f"key_{number}": number for number in range(1_000)}
        odd = {"two words": 1, "k" * 100: 1, "long": ["x" * 300], "": 1}
        _, carried = unpack(json.dumps([1, odd | many]))
        self.assertEqual(len(carried), 60)
        self.assertTrue(carried.keys() < many.keys())
        self.assertEqual(unpack(json.dumps([1, {"a": "x" * 100_000}])), (None, {}))
