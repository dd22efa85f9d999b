"""Streamed bodies: context in each chunk, completion line at the end."""

from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any

from django.http import FileResponse, StreamingHttpResponse

from . import context
from .lines import surroundings
from .request_scope import RequestScope


def watch_body(
    response: StreamingHttpResponse,
    scope: RequestScope,
    *,
    in_async: bool,
) -> None:
    """Let `scope` finish with the body of `response`, however that ends."""
    body = _Body(response, scope)
    response.close = body.close  # type: ignore[method-assign]
    chunks: Any = response.streaming_content
    if response.is_async:
        response.streaming_content = _AsyncChunks(body, aiter(chunks))
    elif in_async or not isinstance(response, FileResponse):
        response.streaming_content = _Chunks(body, iter(chunks))
    # A file under WSGI stays as it is: the server may send it unread.


class _Body:
    """The request's context while a part of its body is made."""

    def __init__(
        self,
        response: StreamingHttpResponse,
        scope: RequestScope,
    ) -> None:
        self.started = False
        self._closed = False
        self._scope = scope
        self._status = response.status_code
        self._close = response.close
        self._fields = surroundings()

    def __enter__(self) -> None:
        self._entered = context.Scope(self._fields)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, StopIteration | StopAsyncIteration):
            self._scope.finish(self._status)
        elif error is not None:
            self._scope.finish(self._status, error)
        self._fields = context.current()
        self._entered.exit()

    def close(self) -> None:
        """Close the response; a body that was only begun was cancelled."""
        if self._closed:
            return
        self._closed = True
        with self:
            self._close()
            left = GeneratorExit() if self.started else None
            self._scope.finish(self._status, left)


class _Chunks(Iterator[bytes]):
    def __init__(self, body: _Body, chunks: Iterator[bytes]) -> None:
        self._body = body
        self._chunks = chunks

    def __next__(self) -> bytes:
        self._body.started = True
        with self._body:
            return next(self._chunks)


class _AsyncChunks(AsyncIterator[bytes]):
    def __init__(self, body: _Body, chunks: AsyncIterator[bytes]) -> None:
        self._body = body
        self._chunks = chunks

    async def __anext__(self) -> bytes:
        self._body.started = True
        with self._body:
            return await anext(self._chunks)
