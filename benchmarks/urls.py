"""The views: they do next to nothing, so that what surrounds them shows."""

from django.http import HttpRequest, HttpResponse
from django.urls import path


def view(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse("ok")


async def async_view(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse("ok")


def user_view(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse(request.user.get_username())


urlpatterns = [
    path("api/tournaments/<int:pk>/", view),
    path("api/tournaments/<int:pk>/async/", async_view),
    path("api/tournaments/<int:pk>/user/", user_view),
]
