"""The last line counts the database queries of what is going on."""

from ..internals.queries import REPEATED, _measure, count_queries
from ..internals.scope import Scope
from ..logging import get_logger
from .lines import LinesTestCase

log = get_logger("shop")


class QueryTests(LinesTestCase):
    def query(self, sql: str) -> None:
        """Do what a connection does, without a database."""
        _measure(lambda *_: None, sql, ("hunter2",), False, {})

    def test_repeated_statement_is_named_without_its_values(self) -> None:
        count_queries()
        scope = Scope({"request.id": "r-1"})
        self.query("SELECT 1")
        for _ in range(REPEATED):
            self.query("SELECT name FROM team WHERE id = %s")
        log.info("last", **scope.last_fields())
        scope.exit()
        [line] = self.output.lines
        assert line["db.queries"] == REPEATED + 1
        assert isinstance(line["db.duration_ms"], float)
        assert line["db.repeated"] == REPEATED
        assert line["db.repeated_query"].startswith("SELECT name FROM team")
        assert "hunter2" not in self.output.text
