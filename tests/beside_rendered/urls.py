"""A small site: one view for each way in which a request can end."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from structlog.contextvars import bind_contextvars

from ..context import add
from ..logging import get_logger

log = get_logger("site")


def ok(request: HttpRequest, **_: object) -> HttpResponse:
    bind_contextvars(shelf="top")
    log.info("seen", color="red")
    return HttpResponse("ok")


def odd_fields(request: HttpRequest) -> HttpResponse:
    add(**{"event": "click", "level": 3, "duration_ms": 0, "http.method": "ODD"})
    return HttpResponse("ok")


async def ok_async(request: HttpRequest) -> HttpResponse:
    log.info("seen")
    return HttpResponse("ok")


def broken(request: HttpRequest) -> HttpResponse:
    raise ValueError("broken on purpose")


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def suspicious(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation("too many dots")


def unavailable(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=503)


def whoami(request: HttpRequest) -> HttpResponse:
    log.info("asked", authenticated=request.user.is_authenticated)
    return HttpResponse("ok")


class Visitor:
    """A user as a middleware or a REST framework may put it there."""

    is_authenticated = True
    pk = 7


def enter(request: HttpRequest) -> HttpResponse:
    request.user = Visitor()  # type: ignore[assignment]
    log.info("entered")
    return HttpResponse("ok")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def body() -> Iterator[bytes]:
        for number in range(2):
            log.info("chunk", number=number)
            yield b"x"
        if "break" in request.GET:
            raise RuntimeError("half-way")

    return StreamingHttpResponse(body())


async def stream_async(request: HttpRequest) -> StreamingHttpResponse:
    async def body() -> AsyncIterator[bytes]:
        for number in range(2):
            log.info("chunk", number=number)
            yield b"x"

    return StreamingHttpResponse(body())


async def endless(request: HttpRequest) -> HttpResponse:
    log.info("waiting")
    await asyncio.Event().wait()
    return HttpResponse("never")


def broken_middleware(get_response: object) -> object:
    def middleware(request: HttpRequest) -> HttpResponse:
        raise ValueError("broken on the way")

    return middleware


urlpatterns = [
    path("ok/", ok),
    path("api/gadgets/<int:pk>/", ok),
    path("ok-async/", ok_async),
    path("odd-fields/", odd_fields),
    path("broken/", broken),
    path("forbidden/", forbidden),
    path("suspicious/", suspicious),
    path("unavailable/", unavailable),
    path("whoami/", whoami),
    path("enter/", enter),
    path("stream/", stream),
    path("stream-async/", stream_async),
    path("endless/", endless),
]
