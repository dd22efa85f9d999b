"""Queries are counted by scope, in bounded memory, and shown without values."""

import tracemalloc
from types import SimpleNamespace
from typing import Any

from ..internals.queries import MAX_STATEMENTS, REPEATED, count_queries, measure
from ..internals.scope import Scope, current_scope
from ..internals.statements import MAX_TEXT, without_values
from .lines import LinesTestCase


def query(sql: Any, vendor: str = "sqlite") -> None:
    """Do what a connection does, without a database."""
    context = {"connection": SimpleNamespace(vendor=vendor)}
    measure(lambda *_: None, sql, ("hunter2",), False, context)


class Composed:
    """What psycopg makes of statements: its text has the values."""

    def __str__(self) -> str:
        return "hunter2"

    __hash__ = None  # type: ignore[assignment]


class QueryTests(LinesTestCase):
    def setUp(self) -> None:
        super().setUp()
        count_queries()

    def test_each_scope_counts_its_own(self) -> None:
        outer = Scope({"request.id": "r-1"})
        query("SELECT 1")
        inner = Scope({"task.id": "t-1"})
        query("SELECT 2")
        query("SELECT 3")
        self.assertEqual(inner.last_fields()["db.queries"], 2)
        inner.exit()
        self.assertEqual(outer.last_fields()["db.queries"], 1)
        outer.exit()

    def test_outside_of_a_scope_nothing_is_counted(self) -> None:
        query("SELECT 1")
        self.assertIsNone(current_scope())

    def test_composed_statements_are_counted_only(self) -> None:
        scope = Scope({})
        for _ in range(REPEATED):
            query(Composed())
        fields = scope.last_fields()
        scope.exit()
        self.assertEqual(fields["db.queries"], REPEATED)
        self.assertNotIn("db.repeated", fields)

    def test_long_statements_are_not_kept(self) -> None:
        scope = Scope({})
        tracemalloc.start()
        for number in range(MAX_STATEMENTS + 10):
            for _ in range(REPEATED if number < 3 else 1):
                query(f"SELECT '{number}{'x' * 100_000}' FROM t")
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        fields = scope.last_fields()
        scope.exit()
        self.assertLess(size, 500_000)
        self.assertEqual(fields["db.queries"], MAX_STATEMENTS + 10 + 3 * (REPEATED - 1))
        self.assertEqual(fields["db.repeated_query"], "SELECT ?")

    def test_literals_are_hidden(self) -> None:
        for statement, shown in (
            ("SELECT a FROM t WHERE b = 'S'", "SELECT a FROM t WHERE b = ?"),
            ("b = 'it''s S' AND c = 'S", "b = ? AND c = ?"),
            ("b LIKE %s ESCAPE '\\' AND c = 'S'", "b LIKE %s ESCAPE ? AND c = ?"),
            ("b = E'it\\'s S' AND c = 'S'", "b = ? AND c = ?"),
            ("b = $$it's S$$ AND c = $x$ S $$ $x$ d", "b = ? AND c = ? d"),
            ("b = x'0A' AND c = 0xAF1 AND d = 1e5", "b = x? AND c = ? AND d = ?"),
            ('"t1"."2nd\'s" = 4.25', '"t1"."2nd\'s" = ?'),
            ("a /* it's S */ = 'S' -- it's S\n= 'S'", "a ? = ? ?\n= ?"),
            ("t1.c2 IN (1, -2, %s) LIMIT 21", "t1.c2 IN (?, -?, %s) LIMIT ?"),
            ("SELECT $1, %(name)s, :arg0", "SELECT $?, %(name)s, :arg0"),
        ):
            with self.subTest(statement):
                self.assertEqual(without_values(statement), shown)
        for statement, shown in (
            ("`b1` = 'it\\'s S' AND c = \"S\" # it's", "`b1` = ? AND c = ? ?"),
            ("b = 'it''s S' AND c = \"it\\\"s S\"", "b = ?? AND c = ?"),
        ):
            with self.subTest(statement):
                self.assertEqual(without_values(statement, is_mysql=True), shown)

    def test_long_literals_are_hidden(self) -> None:
        for text in ("'" * 100_001, "$" * 100_001, "/*" * 50_000, "'S" * 50_000):
            shown = without_values(f"SELECT {text}")
            self.assertLessEqual(len(shown), MAX_TEXT)
            self.assertNotIn("S'", shown)
