"""An ASGI application of sockets, for projects that tests start."""

import asyncio
import os
import time

from channels.auth import AuthMiddlewareStack, login, logout
from channels.exceptions import DenyConnection
from channels.generic.websocket import (
    AsyncJsonWebsocketConsumer,
    JsonWebsocketConsumer,
)
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django = get_asgi_application()

from django.contrib.auth import get_user_model  # noqa: E402
from telemetry.logging import get_logger  # noqa: E402
from telemetry.websocket import TelemetryConsumerMixin  # noqa: E402

log = get_logger("site")


class Async(TelemetryConsumerMixin, AsyncJsonWebsocketConsumer):
    groups = ["everybody"]

    async def connect(self):
        log.info("in_connect")
        ending = self.scope["path"].rsplit("/", 2)[-2]
        if ending == "close":
            await self.close()
        elif ending == "deny":
            raise DenyConnection
        elif ending == "break":
            raise ValueError("broken on purpose")
        else:
            await self.accept()

    async def receive_json(self, content):
        log.info("in_receive")
        if content == "break":
            raise ValueError("broken on purpose")
        if content == "close":
            await self.close(4001)
        elif content == "call":
            await self.channel_layer.group_send("everybody", {"type": "called"})
        elif content == "wait":
            await asyncio.sleep(0.2)
            await self.send_json("waited")
        elif content == "stream":
            for _ in range(200):
                await self.send_json("streamed")
                await asyncio.sleep(0.005)
        elif content == "login":
            user = await get_user_model().objects.aget(username="ann")
            await login(self.scope, user, "django.contrib.auth.backends.ModelBackend")
            log.info("logged_in")
            await self.send_json("done")
        elif content == "logout":
            await logout(self.scope)
            await self.send_json("done")
        else:
            await self.send_json(content)

    async def called(self, event):
        log.info("in_called")
        await self.send_json("called")

    async def disconnect(self, code):
        log.info("in_disconnect")


class Sync(TelemetryConsumerMixin, JsonWebsocketConsumer):
    groups = ["everybody"]

    def connect(self):
        log.info("in_connect")
        ending = self.scope["path"].rsplit("/", 2)[-2]
        if ending == "close":
            self.close()
        elif ending == "deny":
            raise DenyConnection
        elif ending == "break":
            raise ValueError("broken on purpose")
        else:
            self.accept()

    def receive_json(self, content):
        log.info("in_receive")
        if content == "break":
            raise ValueError("broken on purpose")
        if content == "close":
            self.close(4001)
        elif content == "stream":
            for _ in range(200):
                self.send_json("streamed")
                time.sleep(0.005)
        else:
            self.send_json(content)

    def called(self, event):
        log.info("in_called")
        self.send_json("called")

    def disconnect(self, code):
        log.info("in_disconnect")


application = ProtocolTypeRouter(
    {
        "http": django,
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(
                URLRouter(
                    [
                        re_path("^ws/async/", Async.as_asgi()),
                        re_path("^ws/sync/", Sync.as_asgi()),
                    ]
                )
            )
        ),
    }
)
