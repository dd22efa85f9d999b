"""What failed is named by its place in the project's own code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .support import Project, json_lines

SHOP = '''
from celery import shared_task
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.models import User
from django.shortcuts import get_object_or_404
from django.urls import path
from telemetry.celery import TelemetryTask
from telemetry.websocket import TelemetryConsumerMixin


class Odd(Exception):
    """One that `traceback` cannot format."""

    __cause__ = property(lambda self: "none")


def load(**fields):
    return User.objects.get(**fields)  # load


def pay(request):
    load(colour="red")


async def pay_async(request):
    load(colour="red")


def odd(request):
    raise Odd("declined")  # odd


@shared_task(base=TelemetryTask)
def settle():
    load(colour="red")


class Feed(TelemetryConsumerMixin, AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        load(colour="red")


urlpatterns = [
    path("pay/", pay), path("async/", pay_async), path("odd/", odd),
]
'''
DO = """
import asyncio
import django
django.setup()
from channels.testing import WebsocketCommunicator
from django.test import Client
from shop import views

client = Client(raise_request_exception=False, headers={"host": "localhost"})
for path in ("/pay/", "/async/", "/odd/"):
    assert client.get(path).status_code == 500
views.settle.apply()

async def connect():
    socket = WebsocketCommunicator(views.Feed.as_asgi(), "/feed/")
    await socket.connect()
    await socket.send_to(text_data="hello")
    try:
        await socket.wait(5)
    except Exception:
        pass

asyncio.run(connect())
"""


def place(function: str) -> str:
    above = SHOP.partition(f"# {function}\n")[0]
    return f"shop/views.py:{above.count(chr(10)) + 1} in {function}"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("errors") / "shop",
        use_channels=True,
        use_celery=True,
        otel_exporter="none",
        extra=["daphne"],
    )
    project.write("shop/__init__.py", "")
    project.write("shop/views.py", SHOP)
    project.configure(
        ROOT_URLCONF="shop.views", ALLOWED_HOSTS=["localhost"], DEBUG=False
    )
    return project


def test_each_failure_has_its_place(project: Project) -> None:
    lines = json_lines(project.run("python", "-c", DO).stdout)
    failed = [line for line in lines if line["event"].endswith("_failed")]
    assert [(line["event"], line["error.at"]) for line in failed] == [
        ("request_failed", place("load")),
        ("request_failed", place("load")),
        ("request_failed", place("odd")),
        ("task_failed", place("load")),
        ("ws_failed", place("load")),
    ]
    assert {line["error.type"] for line in failed} == {
        "django.core.exceptions.FieldError",
        "shop.views.Odd",
    }
    odd = failed[2]["exception"]
    assert odd.startswith("Traceback (most recent call last):\n")
    assert '    raise Odd("declined")  # odd\n' in odd
    assert odd.endswith("\nOdd: declined")


def test_a_linked_release_is_the_project(project: Project, tmp_path: Path) -> None:
    """`BASE_DIR` is often resolved, and the path of the code is not."""
    link = tmp_path / "current"
    os.symlink(project.folder, link)
    text = project.settings.read_text()
    project.configure(BASE_DIR=str(project.folder.resolve()))
    try:
        finished = project.run(
            "python", "-c", f"import sys; sys.path[0] = {str(link)!r}\n{DO}"
        )
    finally:
        project.write("config/settings.py", text)
    places = {line.get("error.at") for line in json_lines(finished.stdout)}
    assert places == {None, place("load"), place("odd")}
