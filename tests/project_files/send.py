"""Sends tasks as requests would, each kind with a request id of its own."""

import os
import sys
from contextlib import contextmanager

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from celery import chain, chord, group
from config import tasks
from config.celery import app
from structlog.contextvars import bound_contextvars


@contextmanager
def request(id, **fields):
    with bound_contextvars(**{"request.id": id, "user.id": 7, **fields}):
        yield


def travel():
    add = tasks.add
    with request("plain", labels=["draft"], **{"draft.id": 12}):
        add.delay(1, 2)
    with request("countdown"):
        add.apply_async((1, 2), countdown=1)
    with request("chain"):
        chain(add.s(1, 2), add.s(3), add.s(4))()
    with request("group"):
        group(add.s(1, 2), add.s(3, 4))()
    with request("chord"):
        chord([add.s(1, 2), add.s(3, 4)])(tasks.total.s())
    with request("nested"):
        tasks.nest.delay(2)
    with request("by-name"):
        app.send_task("config.tasks.add", (1, 2))
    with request("headers"):
        tasks.headers.apply_async(headers={"tenant": "north"})
    with request("odd", odd=object(), big="x" * 100_000, surrogate="\ud800"):
        add.delay(1, 2)
    with request("never-seen"):
        add.delay(1, 2, _request_id="by-hand", _user_id=8)
        chain(add.s(1, 2, _request_id="by-hand"), add.s(3, _request_id="by-hand"))()


def end():
    for task in ("fail", "ignore", "reject", "flaky", "hopeless", "unserializable"):
        with request(task):
            getattr(tasks, task).delay()


def end_the_process(marker):
    for task in ("too_long_softly", "too_long", "kill", "leave"):
        with request(task):
            getattr(tasks, task).delay()
    with request("kill_once"):
        tasks.kill_once.delay(marker)


def revoke():
    with request("expired"):
        tasks.add.apply_async((1, 2), countdown=2, expires=1)
    with request("revoked"):
        tasks.add.apply_async((1, 2), countdown=2).revoke()
    with request("terminated"):
        print(tasks.wait.delay().id)


def terminate(id):
    app.control.revoke(id, terminate=True)


globals()[sys.argv[1]](*sys.argv[2:])
