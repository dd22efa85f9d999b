"""Who makes a request: no user row loaded, no `Vary`, no new session."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

UserId = int | str

# A lazy object answers in Python code of its own, and this is asked a lot.
_attribute = object.__getattribute__


def resolved_user(request: HttpRequest) -> Any | None:
    """Return the user whom Django, a middleware or a view has put there.

    None as long as nobody has asked for the lazy user that Django puts there.
    """
    found = request.__dict__
    user = resolved(found.get("user"))
    return found.get("_acached_user") if user is None else user


def resolved(user: Any) -> Any | None:
    """Return the user, or None for a lazy one that nobody has asked for."""
    if not isinstance(user, LazyObject):
        return user
    wrapped = _attribute(user, "_wrapped")
    return None if wrapped is empty else wrapped


def user_id(user: Any) -> UserId | None:
    """Return the primary key of an authenticated user, as a field."""
    try:
        if getattr(user, "is_authenticated", False):
            return _as_field(getattr(user, "pk", None))
    except Exception:  # A user class of the project's own may do anything.
        return None
    return None


def session_of(request: HttpRequest) -> SessionBase | None:
    """Return the session, if there is a session cookie."""
    session = request.__dict__.get("session")
    if not isinstance(session, SessionBase) or not request.COOKIES:
        return None
    return session if settings.SESSION_COOKIE_NAME in request.COOKIES else None


def session_user_id(
    request: HttpRequest,
    session: SessionBase,
) -> UserId | None:
    """Return the user id in the session."""
    with _untouched(request, session):
        return _from_session(session.get(SESSION_KEY))


async def asession_user_id(
    request: HttpRequest,
    session: SessionBase,
) -> UserId | None:
    """Like `session_user_id`, without a thread."""
    with _untouched(request, session):
        return _from_session(await session.aget(SESSION_KEY))


@contextmanager
def _untouched(request: HttpRequest, session: SessionBase) -> Iterator[None]:
    """Undo what reading does: the response would vary, or drop the cookie."""
    key, accessed = session.session_key, session.accessed
    modified = session.modified
    try:
        yield
    finally:
        session.accessed = accessed
        if session.session_key != key or session.modified != modified:
            # The session is gone, and Django would clear the cookie.
            request.session = type(session)(key)


def _from_session(value: Any) -> UserId | None:
    if value is None:
        return None
    return _as_field(_primary_key(settings.AUTH_USER_MODEL).to_python(value))


@cache
def _primary_key(user_model: str) -> Any:
    """The field; a session has its value as text."""
    return apps.get_model(user_model)._meta.pk


def _as_field(key: Any) -> UserId | None:
    if key is None or isinstance(key, int | str):
        return key
    return str(key)
