"""Counts the database queries of each request, task and connection."""

import asyncio
import inspect
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from .frames import current_task, project_frame, waiting_frames
from .scope import ENDINGS, OPENED, Fields, Scope, current_scope
from .statements import without_values

# A statement that came this often is reported, and a query that took this long.
REPEATED = 5
SLOW_QUERY_MS = 100
# In characters: the text of a statement that is shown.
MAX_STATEMENT = 200
# Distinct statements counted per scope.
MAX_STATEMENTS = 1_000


class Queries:
    """The queries of one scope, which several threads can share."""

    def __init__(self) -> None:
        self.task = current_task()
        self.lock = threading.Lock()
        self.count = 0
        self.seconds = 0.0
        # How often each statement came, by the hash of its text, which can be long.
        self.times: dict[int, int] = {}
        # Text and place of those that came `REPEATED` times, by the same.
        self.repeated: dict[int, tuple[str, str | None]] = {}
        self.slowest_ms = 0.0
        self.slowest_at: str | None = None

    def add(self, statement: Any, seconds: float) -> int:
        """Count one query; return how often its statement came, 0 if unknown."""
        with self.lock:
            self.count += 1
            self.seconds += seconds
            # Statements that psycopg composes are objects without a text.
            if not isinstance(statement, str):
                return 0
            key = hash(statement)
            if key not in self.times and len(self.times) >= MAX_STATEMENTS:
                return 0
            times = self.times[key] = self.times.get(key, 0) + 1
            return times


def count_queries() -> None:
    """Start counting, on all connections; a second call changes nothing."""
    if _last_fields in ENDINGS:
        return
    OPENED.append(_open)
    ENDINGS.append(_last_fields)
    # A management command has its scope before Django starts, hence the late look.
    if scope := current_scope():
        _open(scope)
    connection_created.connect(_watch)
    for connection in connections.all(initialized_only=True):
        _watch(connection)


def measure(
    execute: Callable[..., Any],
    sql: Any,
    params: Any,
    many: bool,
    context: dict[str, Any],
) -> Any:
    """Execute a query and count it: what `connection.execute_wrapper` takes."""
    scope = current_scope()
    queries: Queries | None = scope.data.get(__name__) if scope else None
    if queries is None:
        return execute(sql, params, many, context)
    started = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        seconds = time.perf_counter() - started
        times = queries.add(sql, seconds)
        if times == REPEATED:
            is_mysql = context["connection"].vendor == "mysql"
            text = without_values(sql, is_mysql=is_mysql)
            queries.repeated[hash(sql)] = text[:MAX_STATEMENT], _place(queries.task)
        milliseconds = seconds * 1000
        if milliseconds >= SLOW_QUERY_MS and milliseconds > queries.slowest_ms:
            queries.slowest_ms, queries.slowest_at = milliseconds, _place(queries.task)


def _watch(connection: BaseDatabaseWrapper, **_: object) -> None:
    # For the connection's life: a thread of `sync_to_async` has connections of
    # its own, and opens them at any time. First in the list, because the context
    # manager `execute_wrapper` of others removes the last.
    if measure not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, measure)


def _place(task: asyncio.Task[Any] | None) -> str | None:
    """Return the project's frame that queries, or waits for the thread that does."""
    if place := project_frame(traceback.walk_stack(inspect.currentframe())):
        return place
    frames = reversed(waiting_frames(task))
    return project_frame((frame, frame.f_lineno) for frame in frames)


def _open(scope: Scope) -> None:
    scope.data[__name__] = Queries()


def _last_fields(scope: Scope) -> Fields:
    queries: Queries | None = scope.data.get(__name__)
    if queries is None:  # The scope was opened before queries were counted.
        return {}
    fields: dict[str, Any] = {
        "db.queries": queries.count,
        "db.duration_ms": round(queries.seconds * 1000, 2),
    }
    if queries.repeated:
        most = max(queries.repeated, key=queries.times.__getitem__)
        fields["db.repeated"] = queries.times[most]
        fields["db.repeated_query"], fields["db.repeated_at"] = queries.repeated[most]
    if queries.slowest_ms:
        fields["db.slowest_ms"] = round(queries.slowest_ms, 2)
        fields["db.slowest_at"] = queries.slowest_at
    return fields
