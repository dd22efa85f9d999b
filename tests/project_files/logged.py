"""Logs what applications log, each kind in a function; all run in one process."""

import asyncio
import json
import logging
import sys
import threading
from datetime import UTC, date, datetime
from decimal import Decimal

import django

django.setup()

import structlog
from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from freezegun import freeze_time
from structlog.contextvars import bound_contextvars

from telemetry.context import Scope, add, increment, timer
from telemetry.logging import get_logger

log, plain = get_logger("shop"), logging.getLogger("shop")


def show(**row):
    print(json.dumps(row, default=str), file=sys.stderr)


# ------------------------------------------------------------------------- views


@timer("whole")
def sync_view(request):
    with timer("part"):
        increment("cost", 0.0000002)
    add(cache="warm")
    increment("cache")
    increment("cache", 2)
    return HttpResponse()


@timer("whole")
async def async_view(request):
    await asyncio.sleep(0.02)
    return HttpResponse()


def counting(request):
    """Eight threads share the request's counters."""
    from contextvars import copy_context

    def count():
        for _ in range(5_000):
            increment("items")

    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [
        threading.Thread(target=copy_context().run, args=(count,)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(old)
    return HttpResponse()


def summing(request):
    for _ in range(1_000):
        increment("cost", 0.0000002)
    increment("money", 0.5)
    increment("money", Decimal("1.5"))
    increment("words", "not a number")
    return HttpResponse()


def generating(request):
    @timer("rows")
    def rows():
        yield b"four"
        yield b"five!"

    return StreamingHttpResponse(rows())


def own_id(request):
    return HttpResponse(headers={"X-Request-ID": "change-7"})


def payload(request):
    """A webhook's keys, which may be called anything."""
    log.info("hooked", **{name: f"their {name}" for name in request.GET.getlist("k")})
    return HttpResponse()


urlpatterns = [
    path("sync/", sync_view),
    path("async/", async_view),
    path("counting/", counting),
    path("summing/", summing),
    path("generating/", generating),
    path("own-id/", own_id),
    path("payload/", payload),
]

# ---------------------------------------------------------------- kinds of lines

NAMES = (
    "event self level logger timestamp name message args msg extra exc_info stack_info"
    " stacklevel levelname lineno pathname process taskName user.id request.id trace_id"
).split()


def payloads():
    client = Client()
    client.get("/payload/", {"k": NAMES}, headers={"X-Request-ID": "r-1"})
    plain.info("extra", extra={"event": "theirs", "level": "high"})
    log.info("both", name="a", name_="b")
    with bound_contextvars(event="bound", timestamp="noon"):
        log.info("context")
    with bound_contextvars(**{"request.id": "r-2", "tenant": "acme"}):
        log.info("own", tenant="own", **{"request.id": "forged"})
    log.info("options", exc_info="declined", stack_info={"a": 1}, stacklevel="deep")


def frozen():
    with freeze_time("2024-02-29 12:00:00"):
        log.info("frozen", at=datetime.now(UTC), on=date.today(), nested=[datetime.now()])
        plain.info("frozen", extra={"at": datetime.now(UTC), "on": date.today()})


async def call_sites():
    await log.ainfo("paid async")
    await structlog.get_logger("shop").awarning("paid async")
    await log.alog(logging.INFO, "paid async")
    try:
        raise ValueError("declined")
    except ValueError:
        await log.aexception("paid async")
    await log.ainfo("payload async", **{"self": 1, "event": 2, "level": 3})


class CallSite(logging.Filter):
    def filter(self, record):
        if "async" in str(record.msg):
            record.called_in = f"{record.filename}:{record.funcName}"
        return True


def wrapped():
    """structlog's documented set-up for logging, in a library of the project's."""
    theirs = structlog.wrap_logger(
        logging.getLogger("theirs"),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    theirs.warning("wrapped", price=3)
    try:
        raise ValueError("declined")
    except ValueError:
        theirs.exception("wrapped", price=4)


def counters():
    client = Client()
    client.get("/sync/")
    client.get("/counting/")
    client.get("/summing/")
    b"".join(client.get("/generating/"))
    asyncio.run(AsyncClient().get("/async/"))
    add(outside=1)
    increment("outside")


def scopes():
    scope = Scope({"job": "nightly"})
    increment("rows", 2)
    log.info("scoped", **scope.last_fields())
    scope.exit()


def own_header():
    client = Client()
    show(
        own=client.get("/own-id/", headers={"X-Request-ID": "r-3"})["X-Request-ID"],
        other=client.get("/sync/", headers={"X-Request-ID": "r-4"})["X-Request-ID"],
    )


if __name__ == "__main__":
    sys.modules["logged"] = sys.modules["__main__"]
    logging.root.handlers[0].addFilter(CallSite())
    payloads()
    frozen()
    asyncio.run(call_sites())
    wrapped()
    counters()
    scopes()
    own_header()
