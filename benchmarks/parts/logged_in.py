"""A request of a logged-in user, whom the view loads; sessions are in the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ..compare import compare
from ..project import USER_PATH, start, sync_requests
from ..results import Result, Target
from .request import NOTES

if TYPE_CHECKING:
    from ..environment import Environment

# A request with a user is garbage for the collector, which comes every twenty of them.
SLICE = 40_000_000

VARIANTS = {
    "bare": "bare Django",
    "floor_with_user": "hand-written floor, with the user's id",
    "floor": "hand-written floor",
    "ours": "**telemetry**",
    "django_structlog_lean": "django-structlog, leanest",
    "django_structlog_full": "django-structlog, as documented",
}


def measure(environment: Environment) -> Result:
    return compare(
        environment,
        "logged_in",
        "Logged-in request, two queries",
        VARIANTS,
        base="bare",
        notes={**NOTES, "floor": "no user"},
        targets=[Target(3, "floor_with_user")],
        # What the database takes varies more than what is measured.
        rounds=300,
        processes=12,
    )


def make(variant: str) -> Callable[[int], object]:
    start(variant)
    run = sync_requests(USER_PATH, cookie=f"sessionid={_log_in()}")
    run(1)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        run(1)
    assert len(queries) == 2, "the session and the user, as without telemetry"
    return run


def _log_in() -> str:
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore

    call_command("migrate", verbosity=0)
    user = User.objects.create_user("ada")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)
