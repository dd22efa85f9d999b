"""Counts the database queries of each request, task and connection."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from .context import ENDINGS, Fields, Scope, current_scope

# A statement that came this often is reported, with this much of its text.
REPEATED = 5
MAX_STATEMENT = 200
# Distinct statements counted per scope.
MAX_STATEMENTS = 1_000


class Queries:
    """The queries of one scope."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.statements: Counter[str] = Counter()


def count_queries() -> None:
    """Start counting, on all connections; a second call changes nothing."""
    if _ending in ENDINGS:
        return
    ENDINGS.append(_ending)
    connection_created.connect(_watch)
    for connection in connections.all(initialized_only=True):
        _watch(connection)


def _watch(connection: BaseDatabaseWrapper, **_: object) -> None:
    # For the connection's life: a thread of `sync_to_async` has connections
    # of its own, and opens them at any time.
    if _measure not in connection.execute_wrappers:
        connection.execute_wrappers.append(_measure)


def _measure(
    execute: Callable[..., Any],
    sql: str,
    params: Any,
    many: bool,
    context: dict[str, Any],
) -> Any:
    if (scope := current_scope()) is None:
        return execute(sql, params, many, context)
    queries: Queries | None = scope.data.get(__name__)
    if queries is None:
        queries = scope.data[__name__] = Queries()
    started = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        queries.seconds += time.perf_counter() - started
        queries.count += 1
        text = str(sql)
        if text in queries.statements or len(queries.statements) < MAX_STATEMENTS:
            queries.statements[text] += 1


def _ending(scope: Scope) -> Fields:
    queries: Queries = scope.data.get(__name__) or Queries()
    fields: dict[str, Any] = {
        "db.queries": queries.count,
        "db.duration_ms": round(queries.seconds * 1000, 2),
    }
    for statement, times in queries.statements.most_common(1):
        if times >= REPEATED:
            fields["db.repeated"] = times
            fields["db.repeated_query"] = statement[:MAX_STATEMENT]
    return fields
