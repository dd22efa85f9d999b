"""Counts the database queries of each request, task and connection."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from .scope import ENDINGS, Fields, Scope, current_scope

# A statement that came this often is reported, with this much of its text.
REPEATED = 5
MAX_STATEMENT = 200
# Distinct statements counted per scope.
MAX_STATEMENTS = 1_000


class Queries:
    """The queries of one scope: how often each statement came, and their time."""

    def __init__(self) -> None:
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
    scope, text, started = current_scope(), str(sql), time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        if scope is not None:
            queries: Queries = scope.data.setdefault(__name__, Queries())
            queries.seconds += time.perf_counter() - started
            is_full = len(queries.statements) >= MAX_STATEMENTS
            known = not is_full or text in queries.statements
            queries.statements[text if known else ""] += 1


def _ending(scope: Scope) -> Fields:
    queries: Queries = scope.data.get(__name__) or Queries()
    fields: dict[str, Any] = {
        "db.queries": queries.statements.total(),
        "db.duration_ms": round(queries.seconds * 1000, 2),
    }
    for statement, times in queries.statements.most_common(1):
        if times >= REPEATED and statement:
            fields["db.repeated"] = times
            fields["db.repeated_query"] = statement[:MAX_STATEMENT]
    return fields
