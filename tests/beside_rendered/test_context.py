"""The context of each line is the one of its moment."""

import threading
from contextvars import copy_context

from structlog.contextvars import (
    bind_contextvars,
    bound_contextvars,
    clear_contextvars,
    get_contextvars,
    unbind_contextvars,
)

from ..context import add, increment, timer
from ..internals.scope import Scope
from ..logging import get_logger
from .lines import LinesTestCase

log = get_logger("shop")


class ContextTests(LinesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.scope = Scope({"request.id": "r-1", "labels": ["team"]})
        self.addCleanup(self.scope.exit)

    def test_each_line_has_what_is_bound_then(self) -> None:
        log.info("first")
        with bound_contextvars(step=1):
            log.info("second")
        with bound_contextvars(phase=1):
            log.info("third")
        bind_contextvars(step=2)
        log.info("fourth")
        unbind_contextvars("request.id")
        log.info("fifth")
        clear_contextvars()
        log.info("sixth")
        expected: list[dict[str, object]] = [
            {"request.id": "r-1", "labels": ["team"]},
            {"request.id": "r-1", "labels": ["team"], "step": 1},
            {"request.id": "r-1", "labels": ["team"], "phase": 1},
            {"request.id": "r-1", "labels": ["team"], "step": 2},
            {"request.id": "r-1", "labels": ["team"], "step": 2},
            # A scope keeps its own fields, whatever is cleared.
            {"request.id": "r-1", "labels": ["team"]},
        ]
        for line, fields in zip(self.output.lines, expected, strict=True):
            own = list(line.items())[4:]
            self.assertEqual(own, list(fields.items()))

    def test_bound_value_that_changes_is_shown_as_it_is_then(self) -> None:
        errors: list[object] = []
        bind_contextvars(errors=errors)
        log.info("first")
        errors.append("late")
        log.info("second")
        errors.append({"token": "hunter2"})
        log.info("third")
        shown = [line["errors"] for line in self.output.lines]
        self.assertEqual(shown[:2], [[], ["late"]])
        self.assertEqual(shown[2], ["late", {"token": "[redacted]"}])

    def test_thread_has_the_context_that_it_was_given(self) -> None:
        given = copy_context()
        bind_contextvars(place="outside")
        log.info("outside")
        thread = threading.Thread(target=given.run, args=(log.info, "inside"))
        thread.start()
        thread.join()
        log.info("outside")
        places = [line.get("place") for line in self.output.lines]
        self.assertEqual(places, ["outside", None, "outside"])

    def test_inner_scope_comes_first_and_ends_alone(self) -> None:
        bind_contextvars(place="here")
        inner = Scope({"task.id": "t-1", "request.id": "r-2"})
        log.info("inside")
        bind_contextvars(place="there")
        inner.exit()
        log.info("outside")
        inside, outside = self.output.lines
        self.assertEqual(list(inside)[4:6], ["task.id", "request.id"])
        self.assertEqual(inside["labels"], ["team"])
        self.assertEqual(inside["request.id"], "r-2")
        self.assertEqual(outside["request.id"], "r-1")
        self.assertEqual(outside["place"], "here")
        self.assertNotIn("task.id", outside)


class AfterTests(LinesTestCase):
    def test_scope_leaves_nothing(self) -> None:
        with bound_contextvars(place="here"):
            scope = Scope({"request.id": "r-1", "place": "there"})
            bind_contextvars(late=1)
            scope.exit()
            self.assertEqual(get_contextvars(), {"place": "here"})
        self.assertEqual(get_contextvars(), {})

    def test_what_outlives_a_scope_still_has_its_context(self) -> None:
        scope = Scope({"request.id": "r-1"})
        inside = copy_context()
        scope.exit()
        inside.run(log.info, "late")
        [line] = self.output.lines
        self.assertEqual(line["request.id"], "r-1")


class WideTests(LinesTestCase):
    def test_outside_they_do_nothing(self) -> None:
        add(rows=3)
        increment("hits")
        with timer("step"):
            log.info("done")
        self.assertNotIn("rows", self.output.lines[0])
