"""The middleware: one context and one line for each request."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import MiddlewareNotUsed
from django.core.signals import got_request_exception
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase as Response

from . import fields
from .internals.environment import environment
from .internals.mistakes import trust_from
from .internals.requests import RequestRun, remember_error
from .internals.scope import request_id_from
from .internals.streaming import watch_body
from .internals.users import aread_session, read_session

_HEADER_IN_META = f"HTTP_{fields.HEADER.upper().replace('-', '_')}"


class TelemetryMiddleware:
    """Must be first in `MIDDLEWARE`, so that it sees every response."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        if not environment().enabled:
            raise MiddlewareNotUsed("TELEMETRY_ENABLED is false.")
        got_request_exception.connect(remember_error)
        self.get_response = get_response
        paths = environment().excluded_paths
        self._excluded_paths = paths
        self._excluded_prefixes = tuple(p[:-1] for p in paths if p[-1] == "*")
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    @property
    def process_view(self) -> Callable[..., Any]:
        """Read the session before the view; without a thread in async."""
        return aread_session if self._is_async else read_session

    def __call__(self, request: HttpRequest) -> Response | Awaitable[Response]:
        if self._is_async:
            return self.__acall__(request)
        run = self._begin(request)
        try:
            response: Response = self.get_response(request)
            read_session(request)
            return self._end(run, response)
        except BaseException as error:
            _fail(run, error)
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
            _fail(run, error)
            raise
        finally:
            run.scope.exit()

    def _begin(self, request: HttpRequest) -> RequestRun:
        mistakes: dict[str, Any] = {}
        header, is_trusted = request.META.get(_HEADER_IN_META), False
        if header:
            address = request.META.get("REMOTE_ADDR")
            is_trusted = trust_from(mistakes, fields.trusts_request_id, address)
        is_quiet = request.path in self._excluded_paths
        is_quiet = is_quiet or request.path.startswith(self._excluded_prefixes)
        run = RequestRun(
            request, request_id_from(header, is_trusted=is_trusted), is_quiet
        )
        run.line.update(mistakes)
        return run

    def _end(self, run: RequestRun, response: Response) -> Response:
        response.headers.setdefault(fields.HEADER, run.request_id)
        if isinstance(response, StreamingHttpResponse):
            run.begin_stream()
            watch_body(response, run, in_async=self._is_async)
        else:
            run.complete(response)
        return response


def _fail(run: RequestRun, error: BaseException) -> None:
    if isinstance(error, asyncio.CancelledError) and _client_left():
        run.cancel()
    else:
        run.fail(error)


def _client_left() -> bool:
    """Return True if this task is cancelled, not one that it awaited."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        # In a thread of `sync_to_async`, because a sync middleware stands below.
        return True
    return task is not None and task.cancelling() > 0
