"""The last line counts the database queries of what is going on."""

from django.db import connections

from ..internals.scope import Scope, current_scope
from ..logging import get_logger
from ..internals.queries import REPEATED, _measure, count_queries
from .lines import LinesTestCase

log = get_logger("shop")


def query(sql: str) -> None:
    """Do what a connection does, without a database."""
    _measure(lambda *_: None, sql, ("hunter2",), False, {})


class QueryTests(LinesTestCase):
    def setUp(self) -> None:
        super().setUp()
        count_queries()

    def test_repeated_statement_is_named_without_its_values(self) -> None:
        scope = Scope({"request.id": "r-1"})
        query("SELECT 1")
        for _ in range(REPEATED):
            query("SELECT name FROM team WHERE id = %s")
        log.info("last", **scope.last_fields())
        scope.exit()
        [line] = self.output.lines
        assert line["db.queries"] == REPEATED + 1
        assert isinstance(line["db.duration_ms"], float)
        assert line["db.repeated"] == REPEATED
        assert line["db.repeated_query"].startswith("SELECT name FROM team")
        assert "hunter2" not in self.output.text

    def test_each_scope_counts_its_own(self) -> None:
        outer = Scope({"request.id": "r-1"})
        query("SELECT 1")
        inner = Scope({"task.id": "t-1"})
        query("SELECT 2")
        query("SELECT 3")
        assert inner.last_fields()["db.queries"] == 2
        inner.exit()
        assert outer.last_fields()["db.queries"] == 1
        outer.exit()

    def test_outside_of_a_scope_nothing_is_counted(self) -> None:
        query("SELECT 1")
        assert current_scope() is None

    def test_connections_are_watched_once(self) -> None:
        count_queries()
        for connection in connections.all(initialized_only=True):
            assert connection.execute_wrappers.count(_measure) <= 1
