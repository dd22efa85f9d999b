"""One request from its first moment to its completion line."""

import asyncio
import logging
import time
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils.functional import LazyObject

from .access_log import REQUEST_ATTRIBUTE
from .context import Scope
from .fields import http_fields
from .labels import extract_labels
from .logging import get_logger
from .users import UserId, resolved_user, session_of, user_id

log = get_logger(f"{__package__}.middleware")

# How an ASGI client's leaving ends a view, and a body.
_LEFT = (asyncio.CancelledError, GeneratorExit)
# By the first digit of the status.
_LEVELS = {4: logging.WARNING, 5: logging.ERROR}


class RequestScope(Scope):
    """Holds the request's context, and says once how the request ended."""

    is_plain = True
    # Whether its request still leads to it when it has its line. Then it waits
    # for the collector, as Django's requests do.
    stays_on_request = False
    is_quiet = False
    error: BaseException | None = None
    session_was_read = False
    _user: Any = None
    _user_id: UserId | None = None

    def __init__(self, request: HttpRequest, request_id: str) -> None:
        # None when it has its line.
        self.request: HttpRequest | None = request
        self.request_id = request_id
        self._started = time.perf_counter()
        self._labels = extract_labels(request.path)
        setattr(request, REQUEST_ATTRIBUTE, self)
        self.enter({"request.id": request_id, **self._labels})

    def refresh(self) -> None:
        """Take over the user who has been put on the request meanwhile."""
        request = self.request
        if request is None:
            return
        user = resolved_user(request.__dict__)
        if user is self._user:
            return
        self._user = user
        identifier = user_id(user)
        if identifier is not None:
            self.set_user(identifier)
        elif isinstance(request.__dict__.get("user"), LazyObject):
            # Django refused the session, after a change of password say.
            self.set_user(None)

    def set_user(self, identifier: UserId | None) -> None:
        """Bind `user.id`, or take it back."""
        if identifier == self._user_id:
            return
        self._user_id = identifier
        fields: dict[str, Any] = {"request.id": self.request_id}
        if identifier is not None:
            fields["user.id"] = identifier
        self.rebind("user.id", fields | self._labels)

    def unread_session(self, request: HttpRequest) -> SessionBase | None:
        """Return the session if it has to say who the user is."""
        self.session_was_read = True
        session = session_of(request)
        if session is None:
            return None
        self.refresh()
        return session if self._user is None else None

    def finish(
        self,
        status: int | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Write the completion line, unless it has been written."""
        self.refresh()
        request, self.request = self.request, None
        if request is None:
            return
        if not self.stays_on_request:
            setattr(request, REQUEST_ATTRIBUTE, None)
        error, self.error = error or self.error, None
        seconds = time.perf_counter() - self._started
        fields = http_fields(request, status)
        fields["duration_ms"] = round(seconds * 1000, 2)
        if error is None:
            if not self.is_quiet:
                level = _LEVELS.get((status or 0) // 100, logging.INFO)
                log.emit(level, "request_completed", fields)
        elif isinstance(error, _LEFT):
            log.info("request_cancelled", **fields)
        else:
            log.error("request_failed", exc_info=error, **fields)
