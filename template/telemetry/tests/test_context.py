"""The context of each line is the one of its moment."""

import threading
from contextvars import ContextVar, copy_context

from structlog.contextvars import (
    bind_contextvars,
    bound_contextvars,
    clear_contextvars,
    get_contextvars,
    unbind_contextvars,
)

from ..context import Scope
from ..logging import get_logger
from .lines import LinesTestCase

log = get_logger("shop")


class Hostile:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("Nobody may ask.")

    __hash__ = None  # type: ignore[assignment]


class PlainScope(Scope):
    is_plain = True


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
            {"labels": ["team"], "step": 2},
            {},
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

    def test_no_value_is_compared(self) -> None:
        variable = ContextVar[Hostile]("variable")
        for _ in range(2):
            token = variable.set(Hostile())
            bind_contextvars(place=Hostile())
            log.info("shown")
            variable.reset(token)
        self.assertEqual(len(self.output.lines), 2)

    def test_true_is_not_taken_for_one(self) -> None:
        for value in [1, True, 1.0]:
            bind_contextvars(value=value)
            log.info("shown")
        shown = [line["value"] for line in self.output.lines]
        self.assertEqual(list(map(repr, shown)), ["1", "True", "1.0"])

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
        inner = PlainScope({"task.id": "t-1", "request.id": "r-2"})
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
        before = dict(copy_context())
        for kind in [Scope, PlainScope]:
            scope = kind({"request.id": "r-1"})
            log.info("inside")
            known = {"request.id": "r-1", "user.id": 7}
            scope.rebind("user.id", known)
            log.info("inside")
            scope.rebind("user.id", {"request.id": "r-1"})
            # As a thread does it, in a context of its own.
            copy_context().run(scope.rebind, "user.id", known)
            scope.exit()
            self.assertEqual(dict(copy_context()), before)

    def test_what_was_unbound_before_stays_so(self) -> None:
        bind_contextvars(place="here")
        unbind_contextvars("place")
        for kind in [Scope, PlainScope]:
            scope = kind({"request.id": "r-1"})
            log.info("inside")
            bind_contextvars(place="there")
            scope.exit()
            self.assertEqual(get_contextvars(), {})
        for line in self.output.lines:
            self.assertEqual(list(line)[4:], ["request.id"])

    def test_what_outlives_a_scope_still_has_its_context(self) -> None:
        scope = PlainScope({"request.id": "r-1"})
        inside = copy_context()
        scope.exit()
        inside.run(log.info, "late")
        inside.run(log.info, "later")
        for line in self.output.lines:
            self.assertEqual(line["request.id"], "r-1")
        self.assertEqual(get_contextvars(), {})
