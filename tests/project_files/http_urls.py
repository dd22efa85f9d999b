"""A view for each way in which a request can end, for projects that tests start."""

import asyncio
import logging

import structlog
from django.contrib.auth import aget_user, get_user_model, login
from django.core.exceptions import SuspiciousOperation
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.urls import path
from rest_framework.authentication import TokenAuthentication
from rest_framework.decorators import api_view, authentication_classes
from rest_framework.response import Response
from telemetry.logging import get_logger

log = get_logger("site")


def ok(request, **_):
    log.info("seen_by_get_logger")
    structlog.get_logger("site").info("seen_by_structlog")
    logging.getLogger("site").info("seen_by_logging", extra={"price": 3})
    return HttpResponse("ok")


async def ok_async(request):
    log.info("seen_async")
    return HttpResponse("ok")


def broken(request):
    raise ValueError("broken on purpose")


def suspicious(request):
    raise SuspiciousOperation("too many dots")


def whoami(request):
    log.info("asked", authenticated=request.user.is_authenticated)
    return HttpResponse("ok")


async def whoami_async(request):
    user = await aget_user(request)
    log.info("asked", authenticated=user.is_authenticated)
    return HttpResponse("ok")


def enter(request):
    user = get_user_model().objects.get(username="ann")
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    log.info("entered")
    return HttpResponse("ok")


@api_view(["GET", "POST"])
@authentication_classes([TokenAuthentication])
def api(request):
    log.info("api_called", by=str(request.user))
    return Response({})


def stream(request):
    def body():
        for number in range(2):
            log.info("chunk", number=number)
            yield b"x"
        if "break" in request.GET:
            raise RuntimeError("half-way")

    return StreamingHttpResponse(body())


async def stream_async(request):
    async def body():
        for number in range(2):
            log.info("chunk", number=number)
            yield b"x"
        if "break" in request.GET:
            raise RuntimeError("half-way")
        if "wait" in request.GET:
            await asyncio.Event().wait()

    return StreamingHttpResponse(body())


async def endless(request):
    log.info("waiting")
    await asyncio.Event().wait()


def file(request):
    return FileResponse(open(__file__, "rb"))


urlpatterns = [
    path("ok/", ok),
    path("api/tournaments/<int:pk>/", ok),
    path("ok-async/", ok_async),
    path("broken/", broken),
    path("suspicious/", suspicious),
    path("whoami/", whoami),
    path("whoami-async/", whoami_async),
    path("enter/", enter),
    path("api/", api),
    path("stream/", stream),
    path("stream-async/", stream_async),
    path("endless/", endless),
    path("file/", file),
]
