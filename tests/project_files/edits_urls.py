"""Views for the edits that `test_recipes.py` makes."""

import time

from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

from telemetry.logging import get_logger

log = get_logger("shop")


def ok(request, **_):
    log.info("seen")
    return HttpResponse("seen")


def me(request):
    return HttpResponse(request.user.get_username())


def slow(request):
    time.sleep(1.01)
    return HttpResponse()


def stream(request):
    return StreamingHttpResponse(iter(["four", "five!"]))


urlpatterns = [
    path("tournaments/<int:pk>/", ok, name="tournament"),
    path("tournaments/<slug:slug>/", ok, name="tournament-by-slug"),
    path("me/", me),
    path("ping/", ok),
    path("slow/", slow),
    path("stream/", stream),
]
