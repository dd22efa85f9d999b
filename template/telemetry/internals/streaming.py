"""Streamed bodies: context in each chunk, the completion line at the end."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from django.http import FileResponse, StreamingHttpResponse

from . import scope


def watch_body(response: StreamingHttpResponse, run: Any, *, in_async: bool) -> None:
    """Write the line of `run`, a `RequestRun`, when the body of `response` ends.

    The bytes sent so far are `response.streamed_bytes`.
    """
    body = _Body(response, run)
    response.close = body.close  # type: ignore[method-assign]
    chunks: Any = response.streaming_content
    if response.is_async:
        response.streaming_content = body.aiterate(aiter(chunks))
    elif in_async or not isinstance(response, FileResponse):
        response.streaming_content = body.iterate(iter(chunks))
    # A file under WSGI is not wrapped, because the server may send it unread.


class _Body:
    """Restores the request's context for each part of its body."""

    def __init__(self, response: Any, run: Any) -> None:
        self._run = run
        self._response = response
        self._close = response.close
        self._fields = scope.enriched()
        self._has_started = False
        self._is_closed = False
        self._response.streamed_bytes = 0

    def iterate(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        while True:
            with self._request_context():
                try:
                    chunk = next(chunks)
                except StopIteration:
                    self._run.complete(self._response)
                    return
            self._response.streamed_bytes += len(chunk)
            yield chunk

    async def aiterate(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        while True:
            with self._request_context():
                try:
                    chunk = await anext(chunks)
                except StopAsyncIteration:
                    self._run.complete(self._response)
                    return
            self._response.streamed_bytes += len(chunk)
            yield chunk

    def close(self) -> None:
        """Close the response; an unfinished body counts as cancelled."""
        if self._is_closed:
            return
        self._is_closed = True
        with self._request_context():
            self._close()
            if self._has_started:
                self._run.cancel(self._response)
            else:
                self._run.complete(self._response)

    @contextmanager
    def _request_context(self) -> Iterator[None]:
        inner = scope.Scope(self._fields)
        inner.collect_for(self._run.scope)
        self._has_started = self._has_started or not self._is_closed
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            self._run.cancel(self._response)
            raise
        except BaseException as error:
            self._run.fail(error, self._response)
            raise
        finally:
            self._fields = scope.current()
            inner.exit()
