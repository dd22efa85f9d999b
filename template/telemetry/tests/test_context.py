"""The context of each line is the one of its moment."""

from contextvars import copy_context

from structlog.contextvars import bind_contextvars, bound_contextvars, get_contextvars

from ..context import add, increment, timer
from ..internals.scope import Scope
from ..logging import get_logger
from .lines import LinesTestCase

log = get_logger("shop")


class ContextTests(LinesTestCase):
    def test_scope_leaves_the_context_as_it_was(self) -> None:
        with bound_contextvars(place="here"):
            scope = Scope({"request.id": "r-1", "place": "there"})
            bind_contextvars(late=1)
            log.info("inside")
            scope.exit()
            self.assertEqual(get_contextvars(), {"place": "here"})
        [line] = self.output.lines
        self.assertEqual(list(line)[4:], ["request.id", "place", "late"])
        self.assertEqual(line["place"], "there")

    def test_fields_are_collected_for_the_last_line(self) -> None:
        scope = Scope({"request.id": "r-1"})
        add(rows=3)
        increment("hits")
        copy_context().run(increment, "hits")
        with self.assertRaises(KeyError), timer("step"):
            raise KeyError
        log.info("other")
        log.info("last", **scope.last_fields())
        scope.exit()
        other, last = self.output.lines
        self.assertNotIn("rows", other)
        self.assertEqual((last["rows"], last["hits"]), (3, 2))
        self.assertIsInstance(last["step_ms"], float)
