"""Views, tasks and consumers that run until the file `gate` exists."""

import asyncio
import os
import time
from pathlib import Path

from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
from telemetry.logging import get_logger

log = get_logger("site")
GATE = Path("gate")


def wait():
    while not GATE.exists():
        time.sleep(0.01)


async def await_gate():
    while not GATE.exists():
        await asyncio.sleep(0.01)


def works(request, **_):
    wait()
    return HttpResponse("ok")


async def blocks(request):
    wait()
    return HttpResponse("ok")


async def awaits(request):
    await await_gate()
    return HttpResponse("ok")


def streams(request):
    def body():
        log.info("body_begun")
        wait()
        yield b"ok"

    return StreamingHttpResponse(body())


def forks(request):
    """A child process watches what runs in itself."""
    child = os.fork()
    if child == 0:
        from django.test import Client

        Client(headers={"X-Request-ID": "child"}).get("/works/")
        os._exit(0)
    os.waitpid(child, 0)
    return HttpResponse("ok")


def quick(request):
    return HttpResponse("ok")


urlpatterns = [
    path("tournaments/<int:pk>/", works),
    path("works/", works),
    path("blocks/", blocks),
    path("awaits/", awaits),
    path("streams/", streams),
    path("forks/", forks),
    path("quick/", quick),
]
