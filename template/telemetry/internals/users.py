"""The user of a request: no user row loaded, no `Vary`, no new session."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

from .. import fields
from .mistakes import fields_from

log = logging.getLogger("telemetry.users")

# The attribute of a request for the user id of its session.
SESSION_USER = "_telemetry_session_user"


def user_fields_of(holder: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the authenticated user, {} for an anonymous one.

    `holder` has a request's attributes, or is an ASGI scope. A user set by a
    view, a middleware or a REST framework comes before the session's.
    """
    line: dict[str, Any] = {}
    user = resolved_user(holder)
    key = _id_of(user)
    if key is None and (key := _id_of(holder.get("auth"))) is not None:
        user = holder["auth"]
    elif key is None and user is None:
        key = holder.get(SESSION_USER)
    if key is not None:
        fields_from(line, fields.user_fields, key, user)
    return line


def resolved_user(holder: Mapping[str, Any]) -> Any | None:
    """Return the user, None while a lazy one has not been looked at."""
    user = holder.get("user")
    if isinstance(user, LazyObject):
        user = user._wrapped
    return holder.get("_acached_user") if user is None or user is empty else user


def read_session(request: HttpRequest, *_: object, **__: object) -> None:
    """Keep the user id of the request's session, if a cookie names one."""
    if session := _unread_session(request):
        with _left_as_it_was(session):
            _keep(request, session.get(SESSION_KEY))


async def aread_session(request: HttpRequest, *_: object, **__: object) -> None:
    """Like `read_session`, without a thread."""
    if session := _unread_session(request):
        with _left_as_it_was(session):
            _keep(request, await session.aget(SESSION_KEY))


def _unread_session(request: HttpRequest) -> SessionBase | None:
    attributes = vars(request)
    session = attributes.get("session") if "HTTP_COOKIE" in request.META else None
    if not isinstance(session, SessionBase) or not session.session_key:
        return None
    is_known = SESSION_USER in attributes or resolved_user(attributes) is not None
    return None if is_known else session


@contextmanager
def _left_as_it_was(session: SessionBase) -> Iterator[None]:
    """Undo what reading changes in a session.

    Otherwise the response would vary by the cookie, or delete it.
    """
    before, key = dict(vars(session)), session.session_key
    try:
        yield
    except Exception:
        log.debug("session_unreadable", exc_info=True)
    if session.session_key != key:  # Django drops the key of a session that is gone.
        vars(session).clear()
    vars(session).update(before)


def _keep(request: HttpRequest, user: Any) -> None:
    if user is not None:  # A session stores it as text.
        user = _as_field(get_user_model()._meta.pk.to_python(user))
    vars(request)[SESSION_USER] = user


def _id_of(user: Any) -> int | str | None:
    try:
        if getattr(user, "is_authenticated", False) is True:
            return _as_field(user.pk)
    except Exception:  # Any, because the class may be the project's own.
        pass
    return None


def _as_field(key: Any) -> int | str | None:
    return key if key is None or isinstance(key, int | str) else str(key)
