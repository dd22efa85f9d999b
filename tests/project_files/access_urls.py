"""Views whose requests servers log as well, and another application beside Django."""

from django.core.asgi import get_asgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path


def ok(request):
    return HttpResponse("ok")


def stream(request):
    return StreamingHttpResponse(iter(["four", "five!"]))


def broken(request):
    raise ValueError("broken on purpose")


urlpatterns = [
    path("ok/", ok),
    path("silent/", ok),
    path("healthz", ok),
    path("stream/", stream),
    path("broken/", broken),
]

django = get_asgi_application()


async def application(scope, receive, send):
    if scope["type"] == "http" and scope["path"] == "/other/":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
    else:
        await django(scope, receive, send)
