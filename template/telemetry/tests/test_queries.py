"""The last line counts the database queries of what is going on."""

from types import SimpleNamespace

from ..internals.queries import REPEATED, count_queries, measure
from ..internals.scope import Scope
from ..logging import get_logger
from .lines import LinesTestCase

log = get_logger("shop")


class QueryTests(LinesTestCase):
    def query(self, sql: str) -> None:
        """Do what a connection does, without a database."""
        context = {"connection": SimpleNamespace(vendor="sqlite")}
        measure(lambda *_: None, sql, ("hunter2",), False, context)

    def test_repeated_statement_is_named_without_its_values(self) -> None:
        count_queries()
        scope = Scope({"request.id": "r-1"})
        self.query("SELECT 1")
        for _ in range(REPEATED):
            self.query("SELECT name FROM team WHERE id = %s AND name = 'hunter2'")
        log.info("last", **scope.last_fields())
        scope.exit()
        [line] = self.output.lines
        self.assertEqual(line["db.queries"], REPEATED + 1)
        self.assertIsInstance(line["db.duration_ms"], float)
        self.assertEqual(line["db.repeated"], REPEATED)
        statement = "SELECT name FROM team WHERE id = %s AND name = ?"
        self.assertEqual(line["db.repeated_query"], statement)
        self.assertNotIn("hunter2", self.output.text)
