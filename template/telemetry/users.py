"""Who makes a request: no user row loaded, no `Vary`, no new session."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

UserId = int | str

# The attribute of a request for the user id of its session.
SESSION_USER = "_telemetry_session_user"

# A lazy user resolves itself when its attributes are read.
_attribute = object.__getattribute__


def user_id(found: Mapping[str, Any]) -> UserId | None:
    """Return the primary key of the authenticated user, or None.

    `found` are a request's attributes, or an ASGI scope: a user that a view,
    a middleware or a REST framework put there, or else the session's.
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


def read_session(request: HttpRequest) -> None:
    """Keep the user id of the request's session, if a cookie names one."""
    if (session := _unread_session(request)) is not None:
        before = dict(vars(session))
        _keep(request, session, before, session.get(SESSION_KEY))


async def aread_session(request: HttpRequest) -> None:
    """Like `read_session`, without a thread."""
    if (session := _unread_session(request)) is not None:
        before = dict(vars(session))
        _keep(request, session, before, await session.aget(SESSION_KEY))


def _unread_session(request: HttpRequest) -> SessionBase | None:
    if "HTTP_COOKIE" not in request.META:
        return None
    found = vars(request)
    session = found.get("session")
    if not isinstance(session, SessionBase) or not session.session_key:
        return None
    if SESSION_USER in found or resolved_user(found) is not None:
        return None
    return session


def _keep(
    request: HttpRequest, session: SessionBase, before: dict[str, Any], user: Any
) -> None:
    """Keep the id, and undo what reading did to the session.

    Else the response would vary, or drop the cookie.
    """
    now = vars(session)
    if all(now.get(key) == before[key] for key in before if key != "accessed"):
        now["accessed"] = before["accessed"]
    else:  # Django forgets the key of a session that is gone.
        now.clear()
        now.update(before)
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
