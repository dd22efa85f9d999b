"""A request leaves one line, whatever happens to it."""

import asyncio
import re

from django.test import AsyncClient, Client
from structlog.contextvars import get_contextvars

from ..fields import HEADER
from .lines import LinesTestCase, MIDDLEWARE, environ, small_site

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


@small_site
class CompletionLineTests(LinesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.client = Client(raise_request_exception=False)

    def test_middleware_that_raises_has_failed_the_request(self) -> None:
        broken = f"{__package__}.urls.broken_middleware"
        with self.settings(MIDDLEWARE=[*MIDDLEWARE, broken]):
            self.client.get("/ok/")
        [line] = self.output.lines
        self.assertEqual(line["event"], "request_failed")
        self.assertEqual(line["error.message"], "broken on the way")

    def test_suspicious_request_has_one_completion_line(self) -> None:
        self.client.get("/suspicious/")
        [line] = self.output.named("request_completed")
        self.assertEqual(line["level"], "warning")
        self.assertEqual(self.output.named("too many dots"), [])

    def test_added_fields_may_have_any_name(self) -> None:
        response = self.client.get("/odd-fields/")
        self.assertEqual(response.status_code, 200)
        [line] = self.output.named("request_completed")
        self.assertEqual((line["level"], line["level_"]), ("info", 3))
        self.assertEqual((line["event_"], line["duration_ms"]), ("click", 0))


@small_site
class RequestIdTests(LinesTestCase):
    def test_untrusted_ids_are_replaced(self) -> None:
        with environ(TELEMETRY_TRUST_REQUEST_ID="false"):
            Client().get("/ok/", headers={HEADER: "abc-123"})
        [line] = self.output.named("request_completed")
        self.assertTrue(re.fullmatch(UUID, line["request.id"]))


@small_site
class AsyncTests(LinesTestCase):
    async def test_async_request_has_the_same_line(self) -> None:
        headers = {HEADER: "abc-123"}
        response = await AsyncClient().get("/ok-async/", headers=headers)
        seen, completed = self.output.lines
        self.assertEqual(seen["request.id"], "abc-123")
        self.assertEqual(completed["event"], "request_completed")
        self.assertEqual(response.headers[HEADER], "abc-123")

    async def test_failing_view_is_logged_as_failed(self) -> None:
        client = AsyncClient(raise_request_exception=False)
        await client.get("/broken/")
        [line] = self.output.lines
        self.assertEqual(line["event"], "request_failed")
        self.assertIn("in broken\n", line["exception"])

    async def test_user_who_comes_in_a_sync_view_is_seen(self) -> None:
        await AsyncClient().get("/enter/")
        entered, completed = self.output.lines
        self.assertEqual((entered["user.id"], completed["user.id"]), (7, 7))
        self.assertEqual(get_contextvars(), {})

    async def test_cancelled_request_is_logged_as_cancelled(self) -> None:
        task = asyncio.ensure_future(AsyncClient().get("/endless/"))
        while not self.output.named("waiting") and not task.done():
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        [line] = self.output.named("request_cancelled")
        self.assertEqual(line["level"], "info")
        self.assertEqual(self.output.named("request_completed"), [])
