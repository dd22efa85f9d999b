"""Who makes a request: no user row loaded, no `Vary`, no new session."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

log = logging.getLogger("telemetry.users")

UserId = int | str

# The attribute of a request for the user id of its session.
SESSION_USER = "_telemetry_session_user"

# A lazy user resolves itself when its attributes are read.
_attribute = object.__getattribute__


def user_id(found: Mapping[str, Any]) -> UserId | None:
    """Return the primary key of the authenticated user, or None.

    `found` holds a request's attributes, or is an ASGI scope. A user set by a
    view, a middleware or a REST framework comes before the session's.
    """
    user = resolved_user(found)
    if user is not None:
        return _id_of(user) or _id_of(found.get("auth"))
    return _id_of(found.get("auth")) or found.get(SESSION_USER)


def resolved_user(found: Mapping[str, Any]) -> Any | None:
    """Return the user, None while a lazy one has not been looked at."""
    user = found.get("user")
    if isinstance(user, LazyObject):
        user = _attribute(user, "_wrapped")
    if user is None or user is empty:
        return found.get("_acached_user")
    return user


def read_session(request: HttpRequest, *_: object, **__: object) -> None:
    """Keep the user id of the request's session, if a cookie names one."""
    if (session := _unread_session(request)) is not None:
        with _left_as_it_was(session):
            _keep(request, session.get(SESSION_KEY))


async def aread_session(request: HttpRequest, *_: object, **__: object) -> None:
    """Like `read_session`, without a thread."""
    if (session := _unread_session(request)) is not None:
        with _left_as_it_was(session):
            _keep(request, await session.aget(SESSION_KEY))


def _unread_session(request: HttpRequest) -> SessionBase | None:
    if "HTTP_COOKIE" not in request.META:
        return None
    found = vars(request)
    session = found.get("session")
    if not isinstance(session, SessionBase):
        return None
    is_known = SESSION_USER in found or resolved_user(found) is not None
    return None if is_known or not session.session_key else session


@contextmanager
def _left_as_it_was(session: SessionBase) -> Iterator[None]:
    """Undo what reading does to a session.

    Else the response would vary, or drop the cookie.
    """
    before, now = dict(vars(session)), vars(session)
    try:
        yield
    except Exception:
        log.debug("session_unreadable", exc_info=True)
    if all(now.get(key) == before[key] for key in before if key != "accessed"):
        now["accessed"] = before["accessed"]
    else:  # Django forgets the key of a session that is gone.
        now.clear()
        now.update(before)


def _keep(request: HttpRequest, user: Any) -> None:
    if user is not None:
        user = _as_field(_primary_key().to_python(user))
    vars(request)[SESSION_USER] = user


@cache
def _primary_key() -> Any:
    """Return the user's key field, as a session has its value as text."""
    return get_user_model()._meta.pk


def _id_of(user: Any) -> UserId | None:
    try:
        if getattr(user, "is_authenticated", False) is True:
            return _as_field(getattr(user, "pk", None))
    except Exception:  # A user class of the project's own may do anything.
        return None
    return None


def _as_field(key: Any) -> UserId | None:
    if key is None or isinstance(key, int | str):
        return key
    return str(key)
