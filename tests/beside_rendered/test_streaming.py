"""A streamed response is complete when its body is."""

from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client
from structlog.contextvars import get_contextvars

from ..fields import HEADER
from ..internals.filters import access_line
from .lines import LinesTestCase, small_site

HEADERS = {HEADER: "abc-123"}


def _events(lines: list[dict[str, object]]) -> list[object]:
    return [line["event"] for line in lines]


@small_site
class StreamingTests(LinesTestCase):
    def get(self, path: str) -> StreamingHttpResponse:
        response = Client().get(path, headers=HEADERS)
        assert isinstance(response, StreamingHttpResponse)
        return response

    def test_line_comes_after_the_last_chunk(self) -> None:
        response = self.get("/stream/")
        self.assertEqual(self.output.lines, [])
        self.assertEqual(response.getvalue(), b"xx")
        expected = ["chunk", "chunk", "request_completed"]
        self.assertEqual(_events(self.output.lines), expected)

    def test_chunks_have_the_context(self) -> None:
        self.get("/stream/").getvalue()
        ids = {line["request.id"] for line in self.output.lines}
        self.assertEqual(ids, {"abc-123"})
        self.assertEqual(get_contextvars(), {})

    def test_access_line_is_covered_before_the_body_ends(self) -> None:
        response = self.get("/stream/")
        self.assertIs(access_line.get(), True)
        response.close()

    def test_excluded_stream_leaves_no_line(self) -> None:
        self.set_environ(TELEMETRY_EXCLUDED_PATHS="/stream/")
        response = self.get("/stream/")
        next(iter(response))
        response.close()
        self.assertIs(access_line.get(), True)
        self.assertEqual(_events(self.output.lines), ["chunk"])

    def test_body_that_raises_half_way_has_failed(self) -> None:
        response = self.get("/stream/?break")
        with self.assertRaisesMessage(RuntimeError, "half-way"):
            response.getvalue()
        response.close()
        line = self.output.lines[-1]
        self.assertEqual(line["event"], "request_failed")
        self.assertIn("half-way", line["exception"])
        self.assertEqual(len(self.output.lines), 3)

    def test_abandoned_body_is_cancelled(self) -> None:
        response = self.get("/stream/")
        next(iter(response))
        response.close()
        expected = ["chunk", "request_cancelled"]
        self.assertEqual(_events(self.output.lines), expected)

    def test_body_that_nobody_wants_is_complete(self) -> None:
        self.get("/stream/").close()
        self.assertEqual(_events(self.output.lines), ["request_completed"])

    async def test_async_body_is_complete_after_its_last_chunk(self) -> None:
        client = AsyncClient()
        response = await client.get("/stream-async/", headers=HEADERS)
        assert isinstance(response, StreamingHttpResponse)
        chunks = [chunk async for chunk in response]
        self.assertEqual(chunks, [b"x", b"x"])
        expected = ["chunk", "chunk", "request_completed"]
        self.assertEqual(_events(self.output.lines), expected)
        ids = {line["request.id"] for line in self.output.lines}
        self.assertEqual(ids, {"abc-123"})
