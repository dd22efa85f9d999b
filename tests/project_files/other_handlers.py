"""A site and handlers of its own: `python other_handlers.py NAME` runs a function.

Rows of JSON go to stderr; telemetry's lines, if it is there, to stdout.
"""

import asyncio
import logging
import logging.config
import sys
import unittest

import django

django.setup()

from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse, HttpResponseServerError
from django.test import AsyncClient, Client
from django.test.utils import setup_test_environment
from django.urls import path
from django.views.decorators.csrf import csrf_protect
from rows import Rows, show


# ------------------------------------------------------------------------- views


def broken(request):
    str(request.user)
    raise ValueError("broken on purpose")


async def broken_async(request):
    raise ValueError("broken on purpose")


def unavailable(request):
    return HttpResponseServerError("down for maintenance")


def denied(request):
    raise PermissionDenied("members only")


def suspicious(request):
    raise SuspiciousOperation("too many dots")


@csrf_protect
def protected(request):
    return HttpResponse()


urlpatterns = [
    path("broken/", broken),
    path("broken-async/", broken_async),
    path("unavailable/", unavailable),
    path("denied/", denied),
    path("suspicious/", suspicious),
    path("protected/", protected),
]


def visit():
    """Ask for what Django logs something about, sync and async."""
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = logged_in_cookie()
    client.post("/broken/?page=2", {"order": "5"})
    asyncio.run(AsyncClient(raise_request_exception=False).get("/broken-async/"))
    client.get("/unavailable/")
    client.get("/denied/")
    client.get("/suspicious/")
    client.get("/nowhere/")
    Client(enforce_csrf_checks=True).post("/protected/")
    client.get("/broken/", headers={"host": "wrong.example"})


def logged_in_cookie():
    if User._meta.db_table not in connection.introspection.table_names():
        call_command("migrate", verbosity=0)
        User.objects.create_user("ann")
    client = Client()
    client.force_login(User.objects.get(username="ann"))
    return client.cookies["sessionid"].value


def mails_and_rows():
    setup_test_environment()
    settings.ALLOWED_HOSTS = ["testserver"]
    visit()
    for message in mail.outbox:
        show(subject=message.subject, body=message.body)


def variants():
    """Four ways in which a project adds a handler to django.request."""
    from telemetry.logging import logging_config

    def configure(change):
        config = logging_config()
        config["handlers"]["slack"] = {"()": Rows}
        change(config["loggers"])
        logging.config.dictConfig(config)

    def replace(loggers):
        loggers["django.request"] = {"handlers": ["slack"], "level": "ERROR"}

    def update(loggers):
        loggers["django.request"] |= {"handlers": ["slack"]}

    def append(loggers):
        loggers["django.request"]["handlers"].append("slack")

    def named(loggers):
        loggers["django"]["handlers"].append("slack")

    client = Client(raise_request_exception=False)
    for change in (replace, update, append, named):
        configure(change)
        show(variant=change.__name__)
        client.get("/broken-async/")

    class Test(unittest.TestCase):
        def test(self):
            with self.assertLogs("django.request") as logs:
                client.get("/broken-async/")
            show(asserted=logs.output[0].splitlines()[0])

    assert Test("test").run().wasSuccessful()


def refused_lines():
    """Telemetry's own line is refused: by its level, by a filter of its logger."""
    from telemetry.logging import logging_config

    class Refuse(logging.Filter):
        def filter(self, record):
            return False

    ask = ("/broken/", "/nowhere/", "/suspicious/")
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = logged_in_cookie()
    for logger in (
        {"level": "CRITICAL"},
        {"filters": ["refuse"]},
        {"handlers": ["null"], "propagate": False},
    ):
        config = logging_config()
        config["filters"]["refuse"] = {"()": Refuse}
        config["handlers"]["null"] = {"class": "logging.NullHandler"}
        config["loggers"]["telemetry.middleware"] = logger
        logging.config.dictConfig(config)
        for page in ask:
            client.get(page)
    logging.getLogger("telemetry.middleware").filters.clear()


def queue():
    """Logging that blocks nobody, as `dictConfig` has it since Python 3.12."""
    from structlog.contextvars import bound_contextvars

    from telemetry.logging import get_logger, logging_config

    config = logging_config()
    config["handlers"]["rows"] = {"()": Rows}
    config["handlers"]["queue"] = {
        "class": "logging.handlers.QueueHandler",
        "handlers": ["stdout"],
        "filters": ["context", "requests"],
    }
    config["root"]["handlers"] = ["queue", "rows"]
    logging.config.dictConfig(config)
    listener = logging.getHandlerByName("queue").listener
    listener.start()
    visit()
    with bound_contextvars(name="ann", tenant="acme"):
        get_logger("shop").info("paid", price=3)
        try:
            raise ValueError("declined")
        except ValueError:
            logging.getLogger("shop").exception("paid %s", 5, extra={"price": 5})
    listener.stop()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
