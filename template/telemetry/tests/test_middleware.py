"""A request leaves one line, whatever happens to it."""

import asyncio
from typing import Any
from unittest import skipUnless
from unittest.mock import patch

from django.apps import apps
from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.db.models import UUIDField
from django.test import AsyncClient, Client
from structlog.contextvars import bound_contextvars, get_contextvars

from ..fields import HEADER
from ..labels import RESOURCES
from .lines import LinesTestCase, small_site

HEADERS = {HEADER: "abc-123"}


@small_site
class CompletionLineTests(LinesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.client = Client(raise_request_exception=False)

    def test_line_has_these_fields(self) -> None:
        with patch.dict(RESOURCES, {"gadgets": "gadget"}):
            self.client.get("/api/gadgets/5/", headers=HEADERS)
        [line] = self.output.named("request_completed")
        expected = {
            "level": "info",
            "logger": "telemetry.middleware",
            "event": "request_completed",
            "path": "/api/gadgets/5/",
            "status": 200,
            "request.id": "abc-123",
            "labels": ["gadget"],
            "gadget.id": 5,
            "shelf": "top",
        }
        shown = {key: line[key] for key in line if key in expected}
        self.assertEqual(list(shown.items()), list(expected.items()))
        self.assertIsInstance(line["duration_ms"], float)
        self.assertTrue(line["timestamp"].endswith("Z"))

    def test_level_follows_the_status(self) -> None:
        for path, level in [
            ("/ok/", "info"),
            ("/ok", "info"),
            ("/nowhere/", "warning"),
            ("/unavailable/", "error"),
        ]:
            with self.subTest(path=path):
                self.client.get(path)
                self.assertEqual(
                    self.output.named("request_completed")[-1]["level"], level
                )

    def test_reason_of_a_refusal_is_in_the_line(self) -> None:
        self.client.get("/forbidden/")
        [line] = self.output.lines
        self.assertEqual(line["error.message"], "not yours")

    def test_failing_view_is_logged_as_failed_with_its_traceback(self) -> None:
        self.client.get("/broken/")
        [line] = self.output.lines
        self.assertEqual((line["event"], line["level"]), ("request_failed", "error"))
        self.assertEqual(line["error.type"], "ValueError")
        self.assertIn("in broken\n", line["exception"])

    def test_lines_of_the_view_have_the_context(self) -> None:
        with bound_contextvars(outer="kept", shelf="mine"):
            self.client.get("/ok/", headers=HEADERS)
            self.assertEqual(get_contextvars(), {"outer": "kept", "shelf": "mine"})
        [seen] = self.output.named("seen")
        self.assertEqual(seen["request.id"], "abc-123")
        self.assertEqual(seen["color"], "red")

    def test_streamed_response_is_complete_when_its_body_is(self) -> None:
        response: Any = self.client.get("/stream/", headers=HEADERS)
        self.assertEqual(self.output.lines, [])
        self.assertEqual(response.getvalue(), b"x")
        self.assertEqual(self.output.events, ["chunk", "request_completed"])
        self.assertEqual(
            {line["request.id"] for line in self.output.lines}, {"abc-123"}
        )

    def test_excluded_path_leaves_a_line_only_when_it_fails(self) -> None:
        self.set_environ(TELEMETRY_EXCLUDED_PATHS="/ok/, /un*")
        for path in ("/ok/", "/unavailable/"):
            self.client.get(path)
        [line] = self.output.named("request_completed")
        self.assertEqual(line["level"], "error")

    def test_switched_off_it_is_not_there(self) -> None:
        self.set_environ(TELEMETRY_ENABLED="false")
        response = self.client.get("/ok/")
        self.assertNotIn(HEADER, response.headers)
        self.assertEqual(self.output.events, ["seen"])


@small_site
class RequestIdTests(LinesTestCase):
    def test_every_response_has_it(self) -> None:
        client = Client(raise_request_exception=False)
        for path in ["/ok/", "/ok", "/nowhere/", "/broken/"]:
            with self.subTest(path=path):
                response = client.get(path, headers=HEADERS)
                self.assertEqual(response.headers[HEADER], "abc-123")

    def test_odd_ids_are_replaced(self) -> None:
        for given in ["", "a b", "a\nb", "é", "x" * 129, "\x1b[2J"]:
            with self.subTest(given=given):
                response = Client().get("/ok/", headers={HEADER: given})
                self.assertRegex(response.headers[HEADER], r"\A[0-9a-f-]{36}\Z")


@small_site
class AsyncTests(LinesTestCase):
    async def test_simultaneous_requests_have_their_own_context(self) -> None:
        ids = [f"id-{number}" for number in range(20)]
        client = AsyncClient()
        requests = [client.get("/ok-async/", headers={HEADER: i}) for i in ids]
        await asyncio.gather(*requests)
        for event in ["seen", "request_completed"]:
            lines = self.output.named(event)
            self.assertCountEqual([line["request.id"] for line in lines], ids)


@small_site
class UserTests(LinesTestCase):
    def test_user_who_enters_in_a_view_is_seen(self) -> None:
        Client().get("/enter/")
        self.assertEqual(self.output.lines[-1]["user.id"], 7)

    @skipUnless(apps.is_installed("django.contrib.auth"), "no users here")
    def test_user_of_the_session_is_seen_without_a_trace_in_the_answer(self) -> None:
        key = get_user_model()._meta.pk
        uuid = "3f1b2c9e-0000-4000-8000-000000000000"
        text = uuid if isinstance(key, UUIDField) else "42"
        session = SessionStore()
        session[SESSION_KEY] = text
        session.save()
        client: Any = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
        response = client.get("/ok/")
        expected = text if text == uuid else key.to_python(text)
        self.assertEqual(
            [line["user.id"] for line in self.output.lines], [expected] * 2
        )
        self.assertNotIn("Vary", response.headers)
        self.assertNotIn(settings.SESSION_COOKIE_NAME, response.cookies)
