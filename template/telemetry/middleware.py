"""The middleware: one context and one line for each request."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import MiddlewareNotUsed
from django.core.signals import got_request_exception
from django.dispatch import receiver
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase as Response

from . import fields
from .internals.environment import load
from .internals.errors import exception_fields
from .internals.scope import Scope, request_id_from
from .internals.streaming import watch_body
from .internals.users import aread_session, read_session
from .logging import ANSWERED, REQUEST_ATTRIBUTE, get_logger

log = get_logger("telemetry.middleware")

_HEADER_IN_META = f"HTTP_{fields.HEADER.upper().replace('-', '_')}"


class TelemetryMiddleware:
    """Must be first in `MIDDLEWARE`, so that it sees every response."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        environment = load(os.environ)
        if not environment.enabled:
            raise MiddlewareNotUsed("TELEMETRY_ENABLED is false.")
        self.get_response = get_response
        self._trust = environment.trust_request_id
        paths = environment.excluded_paths
        self._excluded_paths = paths
        self._excluded_prefixes = tuple(p[:-1] for p in paths if p[-1] == "*")
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    @property
    def process_view(self) -> Callable[..., Any]:
        """Read the session before the view; without a thread in async."""
        return aread_session if self._is_async else read_session

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Remember what a view raised; Django turns it into a response."""
        if run := getattr(request, REQUEST_ATTRIBUTE, None):
            run.reason = exception

    def __call__(self, request: HttpRequest) -> Response | Awaitable[Response]:
        if self._is_async:
            return self.__acall__(request)
        run = self._begin(request)
        try:
            response: Response = self.get_response(request)
            read_session(request)
            return self._end(run, response)
        except BaseException as error:
            run.fail(error)
            raise
        finally:
            run.scope.exit()

    async def __acall__(self, request: HttpRequest) -> Response:
        run = self._begin(request)
        try:
            response: Response = await self.get_response(request)
            await aread_session(request)
            return self._end(run, response)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and _client_left():
                run.cancel()
            else:
                run.fail(error)
            raise
        finally:
            run.scope.exit()

    def _begin(self, request: HttpRequest) -> "RequestRun":
        header = request.META.get(_HEADER_IN_META)
        request_id = request_id_from(header, trust=self._trust)
        is_quiet = request.path in self._excluded_paths
        is_quiet = is_quiet or request.path.startswith(self._excluded_prefixes)
        return RequestRun(request, request_id, is_quiet)

    def _end(self, run: "RequestRun", response: Response) -> Response:
        response.headers[fields.HEADER] = run.request_id
        if isinstance(response, StreamingHttpResponse):
            run.announce()
            watch_body(response, run, in_async=self._is_async)
        else:
            run.complete(response.status_code)
        return response


class RequestRun:
    """One request: its context, and the line about how it ended."""

    def __init__(self, request: HttpRequest, request_id: str, is_quiet: bool) -> None:
        self.request_id = request_id
        # The exception behind a 500, and the one behind another status.
        self.error: BaseException | None = None
        self.reason: BaseException | None = None
        self._is_quiet = is_quiet
        self._has_line = self._is_announced = False
        # A function of `fields.py` has raised, so Django's record is needed.
        self._line_failed = False
        self._started = time.perf_counter()
        self._request: Any = request
        bound = fields.request_fields(request, request_id)
        self.scope = Scope(bound, lambda: fields.request_line_fields(request))
        vars(request)[REQUEST_ATTRIBUTE] = self

    def covers(self, record: Any) -> bool:
        """Return True if our line has all that Django's `record` has."""
        is_told = not self._is_quiet or getattr(record, "status_code", 0) >= 500
        if self._line_failed or not is_told:
            return False
        error = record.exc_info[1] if record.exc_info else None
        return error is None or error in (self.error, self.reason)

    def complete(self, status: int) -> None:
        """Log the completion line, unless the request has its line."""
        reason: dict[str, Any] = {}
        if self.error is not None:
            return self.fail(self.error, status)
        if status in (400, 403) and self.reason is not None:
            reason = exception_fields(self.reason)
            del reason["exception"]
        self._write("request_completed", status, None, reason)

    def fail(self, error: BaseException, status: int | None = None) -> None:
        """Log that the request raised `error`."""
        self.error = error
        self._write("request_failed", status, logging.ERROR, {"exc_info": error})

    def cancel(self, status: int | None = None) -> None:
        """Log that the client disconnected."""
        if not self._is_quiet:
            self._write("request_cancelled", status, logging.INFO, {})

    def announce(self) -> None:
        """Have the server's access line dropped, which may come before ours."""
        if not self._is_quiet and not self._is_announced:
            self._is_announced = True
            ANSWERED.append(f"{self._request.method} {self._request.path}")

    def _write(
        self, event: str, status: Any, level: int | None, more: dict[str, Any]
    ) -> None:
        """Write the one line; without a level, `completion_level` decides."""
        if self._has_line:
            return
        self._line_failed = True
        request = self._request
        duration_ms = round((time.perf_counter() - self._started) * 1000, 2)
        if level is None and not (self._is_quiet and status < 500):
            level = fields.completion_level(request, status, duration_ms)
        if level is not None:
            own = fields.completion_fields(request, status, duration_ms)
            own = {key: own[key] for key in own if own[key] is not None}
            own |= {**self.scope.ending(), **more}
            log.log(level, event, **own)
        self._is_quiet = level is None
        self.announce()
        self._has_line, self._line_failed = True, False
        # Break the cycle, so that the request is freed without a collection.
        self._request, self.scope.live = None, dict


def _client_left() -> bool:
    """Return True if this task is cancelled, not one that it awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@receiver(got_request_exception)
def _keep_error(request: HttpRequest | None = None, **_: object) -> None:
    """Remember the exception that Django turns into a 500."""
    run: RequestRun | None = getattr(request, REQUEST_ATTRIBUTE, None)
    if run is not None:
        run.error = sys.exception()
