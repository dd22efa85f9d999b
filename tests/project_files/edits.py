"""Drives an edited project, each kind of edit a function: `python edits.py NAME`."""

import json
import logging
import sys

import django

django.setup()

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from telemetry.logging import get_logger

log, plain = get_logger("shop"), logging.getLogger("shop")
PROXY, STRANGER = "10.0.0.1", "203.0.113.9"


def show(**values):
    """Print what the test is to see besides lines."""
    print(json.dumps(values), file=sys.stderr)


def logged_in_client():
    call_command("migrate", "auth", verbosity=0)
    user = get_user_model().objects.create_user("ann", pk=4711)
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


def requests():
    client = Client(headers={"host": "localhost"}, REMOTE_ADDR=PROXY)
    client.get("/tournaments/5/", headers={"X-Correlation-ID": "by-proxy"})
    client.get(
        "/tournaments/6/", headers={"X-Correlation-ID": "forged"}, REMOTE_ADDR=STRANGER
    )
    client.get("/tournaments/spring-open/")
    client.get("/nowhere/")
    client.get("/slow/")
    b"".join(client.get("/stream/"))
    client.get("/me/")
    with CaptureQueriesContext(connection) as queries:
        client.get("/me/")
    logged_in = logged_in_client()
    logged_in.get("/me/")
    logged_in.get("/ping/?by=ann")
    show(queries_of_anonymous=len(queries))


def lines():
    log.info("paid", iban="DE02 1203", deposit_token="public", api_token="9f1c2b3a8d7e")
    plain.warning("paid %s", 3, extra={"event": "theirs"})
    client = Client(headers={"host": "localhost"})
    client.get("/tournaments/5/")
    client.get("/nowhere/")


if __name__ == "__main__":
    globals()[sys.argv[1]]()
