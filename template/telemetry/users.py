"""Who makes a request: no user row loaded, no `Vary`, no new session."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

UserId = int | str

# Of a session: whether it was accessed, and modified, and its key.
_State = tuple[bool, bool, str | None]

# A lazy object answers in Python code of its own, and this is asked a lot.
_attribute = object.__getattribute__


def resolved_user(found: Mapping[str, Any]) -> Any | None:
    """Return the user in a request's attributes, or in an ASGI scope.

    None as long as nobody has asked for the lazy user that a middleware has
    put there.
    """
    user = found.get("user")
    if isinstance(user, LazyObject):
        user = _attribute(user, "_wrapped")
    if user is None or user is empty:
        return found.get("_acached_user")
    return user


def user_id(user: Any) -> UserId | None:
    """Return the primary key of an authenticated user, as a field."""
    try:
        if getattr(user, "is_authenticated", False):
            return _as_field(getattr(user, "pk", None))
    except Exception:  # A user class of the project's own may do anything.
        return None
    return None


def session_of(request: HttpRequest) -> SessionBase | None:
    """Return the session, if a cookie names one."""
    session = request.__dict__.get("session")
    if not isinstance(session, SessionBase) or not request.COOKIES:
        return None
    return session if session.session_key else None


def session_user_id(
    request: HttpRequest,
    session: SessionBase,
) -> UserId | None:
    """Return the user id in the session."""
    before = _state(session)
    try:
        return _from_session(session.get(SESSION_KEY))
    finally:
        _restore(request, session, before)


async def asession_user_id(
    request: HttpRequest,
    session: SessionBase,
) -> UserId | None:
    """Like `session_user_id`, without a thread."""
    before = _state(session)
    try:
        return _from_session(await session.aget(SESSION_KEY))
    finally:
        _restore(request, session, before)


def _state(session: SessionBase) -> _State:
    return session.accessed, session.modified, session.session_key


def _restore(
    request: HttpRequest,
    session: SessionBase,
    before: _State,
) -> None:
    """Undo what reading does: the response would vary, or drop the cookie."""
    accessed, modified, key = before
    session.accessed = accessed
    if session.session_key != key or session.modified != modified:
        # The session is gone, and Django would clear the cookie.
        request.session = type(session)(key)


def _from_session(value: Any) -> UserId | None:
    if value is None:
        return None
    return _as_field(_primary_key().to_python(value))


@cache
def _primary_key() -> Any:
    """The user's key field; a session has its value as text."""
    return get_user_model()._meta.pk


def _as_field(key: Any) -> UserId | None:
    if key is None or isinstance(key, int | str):
        return key
    return str(key)
