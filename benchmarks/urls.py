"""The views: they do next to nothing, so that what surrounds them shows."""

import asyncio

import structlog
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

log = structlog.get_logger("shop.orders")


def view(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse("ok")


async def async_view(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse("ok")


async def slow_view(request: HttpRequest, pk: int) -> HttpResponse:
    await asyncio.sleep(0.1)
    return HttpResponse("ok")


def user_view(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse(request.user.get_username())


def lines_view(request: HttpRequest, pk: int) -> HttpResponse:
    for step in ("read", "sold", "saved"):
        log.info("item_done", step=step)
    return HttpResponse("ok")


def queries_view(request: HttpRequest, pk: int) -> HttpResponse:
    with connection.cursor() as cursor:
        for number in range(10):
            cursor.execute("SELECT %s", [number])
    return HttpResponse("ok")


urlpatterns = [
    path("api/tournaments/<int:pk>/", view),
    path("api/tournaments/<int:pk>/async/", async_view),
    path("api/tournaments/<int:pk>/slow/", slow_view),
    path("api/tournaments/<int:pk>/user/", user_view),
    path("api/tournaments/<int:pk>/lines/", lines_view),
    path("api/tournaments/<int:pk>/queries/", queries_view),
]
