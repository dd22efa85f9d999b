"""A task and two consumers whose handlers run until the file `gate` exists."""

import asyncio
import threading

import django

django.setup()

from asgiref.testing import ApplicationCommunicator  # noqa: E402
from celery import Celery  # noqa: E402
from channels.generic.websocket import (  # noqa: E402
    AsyncWebsocketConsumer,
    WebsocketConsumer,
)
from config.urls import await_gate, wait  # noqa: E402
from telemetry.websocket import TelemetryConsumerMixin  # noqa: E402

app = Celery("shop", broker="memory://", task_cls="telemetry.celery:TelemetryTask")


@app.task
def work():
    wait()


class AsyncConsumer(TelemetryConsumerMixin, AsyncWebsocketConsumer):
    async def receive(self, **_):
        await await_gate()


class SyncConsumer(TelemetryConsumerMixin, WebsocketConsumer):
    def receive(self, **_):
        wait()


async def talk(consumer, path):
    scope = {"type": "websocket", "path": path, "headers": []}
    client = ApplicationCommunicator(consumer.as_asgi(), scope)
    await client.send_input({"type": "websocket.connect"})
    await client.receive_output()
    await client.send_input({"type": "websocket.receive", "text": "hello"})
    await client.send_input({"type": "websocket.disconnect", "code": 1000})
    await client.wait(60)


async def main():
    await asyncio.gather(talk(AsyncConsumer, "/async/"), talk(SyncConsumer, "/sync/"))


thread = threading.Thread(target=work.apply)
thread.start()
asyncio.run(main())
thread.join()
