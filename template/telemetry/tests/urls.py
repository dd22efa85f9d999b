"""A small site: one view for each way in which a request can end."""

from collections.abc import Iterator

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from structlog.contextvars import bind_contextvars

from ..logging import get_logger

log = get_logger("site")


class Visitor:
    """A user as a middleware or a REST framework may put it there."""

    is_authenticated = True
    pk = 7


def ok(request: HttpRequest, **_: object) -> HttpResponse:
    bind_contextvars(shelf="top")
    log.info("seen", color="red")
    return HttpResponse("ok")


async def ok_async(request: HttpRequest) -> HttpResponse:
    log.info("seen")
    return HttpResponse("ok")


def enter(request: HttpRequest) -> HttpResponse:
    request.user = Visitor()  # type: ignore[assignment]
    return HttpResponse("ok")


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("not yours")


def broken(request: HttpRequest) -> HttpResponse:
    raise ValueError("broken on purpose")


def unavailable(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=503)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def body() -> Iterator[bytes]:
        log.info("chunk")
        yield b"x"

    return StreamingHttpResponse(body())


urlpatterns = [
    path("ok/", ok),
    path("api/gadgets/<int:pk>/", ok),
    path("ok-async/", ok_async),
    path("enter/", enter),
    path("forbidden/", forbidden),
    path("broken/", broken),
    path("unavailable/", unavailable),
    path("stream/", stream),
]
