"""`user.id` is known without a user row, and without a trace in the answer."""

from typing import Any
from unittest import skipUnless

from django.apps import apps
from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.db.models import UUIDField
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory

from ..middleware import TelemetryMiddleware
from .lines import LinesTestCase, small_site
from .urls import Visitor

UUID = "3f1b2c9e-0000-4000-8000-000000000000"


class Nobody:
    is_authenticated = False
    pk = 7


@small_site
@skipUnless(apps.is_installed("django.contrib.auth"), "no users here")
class SessionUserTests(LinesTestCase):
    def setUp(self) -> None:
        super().setUp()
        key = get_user_model()._meta.pk
        self.text = UUID if isinstance(key, UUIDField) else "42"
        self.identifier = self.text if self.text == UUID else key.to_python(42)

    def logged_in(self, client: Any) -> Any:
        session = SessionStore()
        session[SESSION_KEY] = self.text
        session.save()
        name = settings.SESSION_COOKIE_NAME
        client.cookies[name] = session.session_key
        return client

    def test_it_is_in_the_lines_of_view_and_completion(self) -> None:
        response = self.logged_in(Client()).get("/ok/")
        ids = [line["user.id"] for line in self.output.lines]
        self.assertEqual(ids, [self.identifier, self.identifier])
        self.assertNotIn("Vary", response.headers)
        self.assertNotIn(settings.SESSION_COOKIE_NAME, response.cookies)

    def test_it_is_there_for_a_path_without_a_view(self) -> None:
        self.logged_in(Client()).get("/nowhere/")
        [line] = self.output.lines
        self.assertEqual(line["user.id"], self.identifier)

    async def test_it_is_there_in_async_views(self) -> None:
        response = await self.logged_in(AsyncClient()).get("/ok-async/")
        ids = [line["user.id"] for line in self.output.lines]
        self.assertEqual(ids, [self.identifier, self.identifier])
        self.assertNotIn("Vary", response.headers)

    def test_anonymous_request_has_none(self) -> None:
        response = Client().get("/whoami/")
        for line in self.output.lines:
            self.assertNotIn("user.id", line)
        self.assertNotIn(settings.SESSION_COOKIE_NAME, response.cookies)

    def test_forged_cookie_gives_no_user_and_stays(self) -> None:
        client = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = "a-forged-session-key"
        response = client.get("/ok/")
        self.assertNotIn("user.id", self.output.lines[-1])
        self.assertNotIn(settings.SESSION_COOKIE_NAME, response.cookies)

    def test_path_gives_no_user(self) -> None:
        Client().get("/api/users/42/")
        self.assertNotIn("user.id", self.output.lines[-1])


class RequestUserTests(LinesTestCase):
    """A user that stands on the request itself."""

    def lines_with(self, at_entry: Any, in_view: Any) -> list[dict[str, Any]]:
        request = RequestFactory().get("/")
        if at_entry is not None:
            request.user = at_entry

        def view(request: HttpRequest) -> HttpResponse:
            if in_view is not None:
                request.user = in_view
            return HttpResponse("ok")

        TelemetryMiddleware(view)(request)
        return self.output.lines

    def test_user_at_entry_is_used_as_it_is(self) -> None:
        [line] = self.lines_with(Visitor(), None)
        self.assertEqual(line["user.id"], 7)

    def test_user_set_by_the_view_is_seen(self) -> None:
        [line] = self.lines_with(None, Visitor())
        self.assertEqual(line["user.id"], 7)

    def test_anonymous_user_is_none(self) -> None:
        [line] = self.lines_with(Nobody(), None)
        self.assertNotIn("user.id", line)

    def test_user_of_django_ninja_is_seen(self) -> None:
        request = RequestFactory().get("/")

        def view(request: HttpRequest) -> HttpResponse:
            request.auth = Visitor()  # type: ignore[attr-defined]
            return HttpResponse("ok")

        TelemetryMiddleware(view)(request)
        [line] = self.output.lines
        self.assertEqual(line["user.id"], 7)

    def test_stale_cookie_leaves_the_session_object_as_it_is(self) -> None:
        class Stale(SessionStore):
            def load(self) -> dict[str, Any]:
                self._session_key = None
                return {}

        request: Any = RequestFactory().get(
            "/", headers={"cookie": "sessionid=stale-key"}
        )
        session: Any = Stale("stale-key")
        session.shard = "eu"
        request.session = session
        TelemetryMiddleware(lambda request: HttpResponse("ok"))(request)
        self.assertIs(request.session, session)
        self.assertEqual((session.session_key, session.shard), ("stale-key", "eu"))
        self.assertFalse(session.accessed)

    def test_user_who_raises_is_none(self) -> None:
        class Broken:
            @property
            def is_authenticated(self) -> bool:
                raise RuntimeError("no database")

        [line] = self.lines_with(Broken(), None)
        self.assertNotIn("user.id", line)
