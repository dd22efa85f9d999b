"""One request: its context, and the line about how it ended."""

import logging
import sys
import time
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from .. import fields
from .filters import (
    REQUEST_ATTRIBUTE,
    RequestFilter,
    access_line,
    replay,
    run_being_logged,
)
from .mistakes import fields_from, level_from
from .reasons import refusal_fields
from .record import get_logger
from .scope import Scope
from .users import user_fields_of

log = get_logger("telemetry.middleware")


class RequestRun:
    """Opened at the start of a request; writes its one line at the end."""

    def __init__(self, request: HttpRequest, request_id: str, is_quiet: bool) -> None:
        self.request_id = request_id
        # The exception behind a 500, and the records that Django logged.
        self.error: BaseException | None = None
        self.records: list[logging.LogRecord] = []
        # The own fields of the line, once it has been made.
        self.line: dict[str, Any] = {}
        # Whether a handler has got the line.
        self.is_written = False
        self._is_quiet = is_quiet
        self._is_over = self._has_no_line = False
        self._started = time.perf_counter()
        self._request: Any = request
        context: dict[str, Any] = {"request.id": request_id, "user.id": None}
        fields_from(context, fields.request_fields, request, request_id)
        owner = None if is_quiet else request
        self.scope = Scope(context, self._line_fields, owner)
        access_line.set(None)
        vars(request)[REQUEST_ATTRIBUTE] = self

    def covers(self, record: logging.LogRecord) -> bool:
        """Return True if the line replaces Django's `record` in our output.

        Before the end the record is kept, for its reason, and in case the line is
        not written after all.
        """
        if self._is_over:
            error = record.exc_info[1] if record.exc_info else None
            is_known = error is None or error is self.error
            return self._has_no_line or self.is_written and is_known
        if record not in self.records:
            self.records.append(record)
        return True

    def complete(self, response: HttpResponseBase) -> None:
        """Log the completion line, unless the request has its line."""
        if self.error is not None:
            return self.fail(self.error, response)
        reason = refusal_fields(self.records, response)
        self._end("request_completed", response, None, reason)

    def fail(
        self, error: BaseException, response: HttpResponseBase | None = None
    ) -> None:
        """Log that the request raised `error`."""
        self.error = error
        self._end("request_failed", response, logging.ERROR, {"exc_info": error})

    def cancel(self, response: HttpResponseBase | None = None) -> None:
        """Log that the client disconnected."""
        level = None if self._is_quiet else logging.INFO
        self._end("request_cancelled", response, level, {})

    def begin_stream(self) -> None:
        """Cover the server's access line, which comes before the body's end."""
        access_line.set(self._is_quiet or log.isEnabledFor(logging.INFO) or None)

    def _line_fields(self) -> dict[str, Any]:
        line = user_fields_of(vars(self._request))
        fields_from(line, fields.request_line_fields, self._request)
        return line

    def _end(
        self,
        event: str,
        response: HttpResponseBase | None,
        level: int | None,
        outcome: dict[str, Any],
    ) -> None:
        """Write the one line; `completion_level` decides on a completed request."""
        if self._is_over:
            return
        request, line = self._request, self.line
        status: Any = None if response is None else response.status_code
        duration_ms = round((time.perf_counter() - self._started) * 1000, 2)
        if event == "request_completed" and not (self._is_quiet and status < 500):
            level = level_from(
                line, fields.completion_level, request, status, duration_ms
            )
        if level is None:
            self._has_no_line = True
        else:
            arguments = request, response, status, duration_ms
            fields_from(line, fields.completion_fields, *arguments)
            line.update({**self.scope.last_fields(), **outcome})
            token = run_being_logged.set(self)
            log.log(level, event, **{k: v for k, v in line.items() if v is not None})
            run_being_logged.reset(token)
        self._is_over = True
        if self._has_no_line or self.is_written:
            access_line.set(True)
        else:
            for record in self.records:
                replay(record, RequestFilter)
        # Break the cycle, so that the request is freed without a collection.
        self.scope.line_fields, self._request = dict, None
        self.records.clear()


def remember_error(request: HttpRequest | None = None, **_: object) -> None:
    """Keep the exception that Django turns into a 500: `got_request_exception`."""
    run: RequestRun | None = getattr(request, REQUEST_ATTRIBUTE, None)
    if run is not None:
        run.error = sys.exception()
