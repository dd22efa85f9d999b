"""Views of a project that traces."""

import asyncio
import logging

import structlog
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

log = structlog.get_logger("shop")


def team(request: HttpRequest, pk: int) -> HttpResponse:
    structlog.contextvars.bind_contextvars(league="north")
    log.info("viewed", password="hunter2", huge=2**64 - 1, bad="\ud800")
    return HttpResponse()


def failing(request: HttpRequest) -> HttpResponse:
    # In parts, as tracebacks show the source.
    secret = "abc" + "123"
    raise ValueError(f"no luck with token={secret} at https://me:{'pw'}@example.com/")


async def slow(request: HttpRequest) -> HttpResponse:
    log.info("slow_begun")
    await asyncio.sleep(float(request.GET["seconds"]))
    log.info("slow_ended")
    return HttpResponse()


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def parts():  # type: ignore[no-untyped-def]
        log.info("streamed")
        yield b"a"

    return StreamingHttpResponse(parts())


def noisy(request: HttpRequest) -> HttpResponse:
    logging.getLogger("plain").debug("detail")
    return HttpResponse()


urlpatterns = [
    path("teams/<int:pk>/", team),
    path("failing/", failing),
    path("slow/", slow),
    path("stream/", stream),
    path("noisy/", noisy),
]
