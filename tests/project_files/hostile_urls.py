"""Views for the hostile tests. Each says who it is, so that a mix-up shows."""

import asyncio
import logging
import time

import structlog
from asgiref.sync import async_to_sync, sync_to_async
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path, re_path
from telemetry.internals.scope import current
from telemetry.logging import get_logger

log = get_logger("site")
plain_log = logging.getLogger("site")


def say(request, event="said"):
    """Say the request's own name through each door."""
    name = request.headers.get("X-Name", "")
    structlog.contextvars.bind_contextvars(name_bound=name)
    log.info(event, name_said=name)
    plain_log.info(event, extra={"name_said": name})
    return name


def ok(request, **_):
    return HttpResponse(say(request))


def leftover(request):
    """What the context holds besides the request's own."""
    own = {"request.id", "labels", "user.id", "team.id"}
    return HttpResponse(",".join(current().keys() - own))


def nap(request):
    say(request)
    time.sleep(0.002)
    return HttpResponse(say(request))


async def nap_async(request):
    say(request)
    await asyncio.sleep(0.002)
    return HttpResponse(say(request))


async def hop(request):
    """From the loop to a thread, and from there to a loop again."""

    async def inner():
        await asyncio.sleep(0)
        return say(request)

    def sync():
        say(request)
        return async_to_sync(inner)()

    await sync_to_async(sync)()
    await asyncio.gather(inner(), sync_to_async(say)(request))
    return HttpResponse(say(request))


def fail(request):
    raise ValueError(say(request))


def fail_long(request):
    """A traceback of more than one page of a pipe."""
    raise ValueError(f"{say(request)} {'x' * 9000}")


def greedy(request):
    return HttpResponse(bytes(10**10) + say(request).encode())


def stream(request):
    def body():
        for _ in range(4):
            yield f"{say(request, 'chunk')}\n"

    return StreamingHttpResponse(body())


async def stream_async(request):
    async def body():
        for _ in range(4):
            yield f"{say(request, 'chunk')}\n"
            await asyncio.sleep(0)

    return StreamingHttpResponse(body())


async def slow(request):
    """For a client that does not wait."""
    say(request)
    await asyncio.sleep(60)


def quote(request):
    """Say back what the client sent, as applications do."""
    sent = request.headers.get("X-Sent", "")
    log.info(f"quoted {sent}", sent=sent, nested={"sent": [sent]})
    plain_log.info("quoted %s", sent, extra={"sent": sent})
    raise RuntimeError(sent)


urlpatterns = [
    path("ok/", ok),
    path("leftover/", leftover),
    path("api/teams/<int:team>/", ok),
    path("nap/", nap),
    path("nap-async/", nap_async),
    path("hop/", hop),
    path("fail/", fail),
    path("fail-long/", fail_long),
    path("greedy/", greedy),
    path("stream/", stream),
    path("stream-async/", stream_async),
    path("slow/", slow),
    path("quote/", quote),
    re_path(r"^any/", ok),
]
