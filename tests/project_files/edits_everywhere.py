"""A request that sends a task to a real worker, an outgoing call, and a socket."""

import asyncio
import json
import sys

import django

django.setup()

import requests
from asgiref.testing import ApplicationCommunicator
from celery import Celery, signals
from celery.contrib.testing.worker import start_worker
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from telemetry.celery import TelemetryTask
from telemetry.logging import get_logger
from telemetry.websocket import TelemetryConsumerMixin

log = get_logger("shop")
app = Celery(
    "shop", task_cls=TelemetryTask, broker="memory://", backend="cache+memory://"
)
app.conf.broker_transport_options = {"polling_interval": 0.01}


@app.task(bind=True, name="draw", default_retry_delay=0)
def draw(self, region):
    log.info("drawn")
    if not self.request.retries:
        raise self.retry()


class Tournament(TelemetryConsumerMixin, AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        log.info("heard")
        await self.send(text_data=text_data)


def send(request, **_):
    request.tenant = "acme"
    log.info("sent")
    return HttpResponse(draw.delay("north").id)


def call(request):
    return HttpResponse(requests.get(request.GET["url"], timeout=10).text)


urlpatterns = [path("tournaments/<int:pk>/", send), path("call/", call)]


def show(**values):
    """Print what the test is to see besides lines."""
    print(json.dumps(values), file=sys.stderr)


def show_message(headers, **_):
    show(header=headers["telemetry"])


async def talk(user):
    scope = {"type": "websocket", "path": "/ws/tournaments/7/", "headers": []}
    scope |= {"user": user, "tenant": "acme"}
    socket = ApplicationCommunicator(Tournament.as_asgi(), scope)
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output())["type"] == "websocket.accept"
    await socket.send_input({"type": "websocket.receive", "text": "five!"})
    assert (await socket.receive_output())["text"] == "five!"
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait()


def drive(url):
    signals.before_task_publish.connect(show_message)
    call_command("migrate", "auth", verbosity=0)
    user = get_user_model().objects.create_user("ann", pk=4711)
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    with start_worker(app, pool="solo", perform_ping_check=False, loglevel="INFO"):
        response = client.get("/tournaments/5/", headers={"X-Request-ID": "r-1"})
        draw.AsyncResult(response.content.decode()).get(timeout=60, interval=0.05)
    response = client.get("/call/", {"url": url}, headers={"X-Request-ID": "r-2"})
    show(sent_id=response.content.decode())
    response = client.get("/nowhere/")
    show(missing=response.status_code, missing_id=response["X-Request-ID"])
    asyncio.run(talk(user))


if __name__ == "__main__":
    # The project's URLs are here.
    sys.modules["edits_everywhere"] = sys.modules["__main__"]
    drive(sys.argv[1])
