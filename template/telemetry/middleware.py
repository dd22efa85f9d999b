"""The middleware: one context and one line for each request."""

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import MiddlewareNotUsed
from django.core.signals import got_request_exception
from django.dispatch import receiver
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase as Response

from .access_log import REQUEST_ATTRIBUTE
from .environment import load
from .logging import get_logger
from .request_id import HEADER, request_id_from
from .request_scope import RequestScope
from .streaming import watch_body
from .users import asession_user_id, session_user_id

log = get_logger(__name__)

_HEADER_IN_META = f"HTTP_{HEADER.upper().replace('-', '_')}"


class TelemetryMiddleware:
    """Belongs first in `MIDDLEWARE`, so that every response passes it."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        environment = load(os.environ)
        if not environment.enabled:
            raise MiddlewareNotUsed("TELEMETRY_ENABLED is false.")
        self.get_response = get_response
        self._trust_request_id = environment.trust_request_id
        self._excluded = frozenset(environment.excluded_paths)
        prefixes = [path for path in self._excluded if path.endswith("*")]
        self._excluded_prefixes = tuple(path[:-1] for path in prefixes)
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        self.process_view = _afind_user if self._is_async else _find_user

    def __call__(self, request: HttpRequest) -> Response | Awaitable[Response]:
        if self._is_async:
            return self.__acall__(request)
        scope = self._scope(request)
        try:
            response = self.get_response(request)
            if not scope.session_was_read:
                _find_user(request)
            return self._finish(scope, response)
        except BaseException as error:
            scope.finish(error=error)
            raise
        finally:
            scope.exit()

    async def __acall__(self, request: HttpRequest) -> Response:
        scope = self._scope(request)
        try:
            response = await self.get_response(request)
            if not scope.session_was_read:
                await _afind_user(request)
            return self._finish(scope, response)
        except BaseException as error:
            scope.finish(error=error)
            raise
        finally:
            scope.exit()

    def _scope(self, request: HttpRequest) -> RequestScope:
        header = request.META.get(_HEADER_IN_META)
        request_id = request_id_from(header, trust=self._trust_request_id)
        scope = RequestScope(request, request_id)
        path = request.path
        if path in self._excluded or path.startswith(self._excluded_prefixes):
            scope.is_quiet = True
        return scope

    def _finish(self, scope: RequestScope, response: Response) -> Response:
        response.headers[HEADER] = scope.request_id
        if isinstance(response, StreamingHttpResponse):
            watch_body(response, scope, in_async=self._is_async)
        else:
            scope.finish(response.status_code)
        return response


def _find_user(request: HttpRequest, *_: object) -> None:
    """Ask the session: as `process_view`, and where no view was reached."""
    scope: RequestScope = getattr(request, REQUEST_ATTRIBUTE)
    try:
        session = scope.unread_session(request)
        if session is not None:
            scope.set_user(session_user_id(request, session))
    except Exception:
        log.debug("session_unreadable", exc_info=True)


async def _afind_user(request: HttpRequest, *_: object) -> None:
    scope: RequestScope = getattr(request, REQUEST_ATTRIBUTE)
    try:
        session = scope.unread_session(request)
        if session is not None:
            scope.set_user(await asession_user_id(request, session))
    except Exception:
        log.debug("session_unreadable", exc_info=True)


@receiver(got_request_exception)
def _keep_error(request: HttpRequest | None = None, **_: object) -> None:
    """Take the exception that Django turns into a response."""
    scope: RequestScope | None = getattr(request, REQUEST_ATTRIBUTE, None)
    if scope is not None:
        scope.error = sys.exception()
