"""Asks a project as anonymous and as Ann, and prints what each request cost."""

import asyncio
import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import AsyncClient, Client  # noqa: E402
from django.test.utils import CaptureQueriesContext, setup_test_environment  # noqa: E402

PATHS = ["/ok/", "/whoami/", "/nowhere/", "/ok-async/", "/whoami-async/"]


def cost(client, path):
    with CaptureQueriesContext(connection, ) as queries:
        response = client.get(path)
    return {
        "path": path,
        "queries": [query["sql"].split('"')[1] for query in queries],
        "vary": response.headers.get("Vary", ""),
        "cookies": list(response.cookies),
    }


setup_test_environment()
call_command("migrate", verbosity=0)
users = get_user_model().objects
ann = users.filter(username="ann").first() or users.create_user("ann")
print(json.dumps({"event": "ann", "pk": str(ann.pk)}))
for name in ["anonymous", "ann", "stale"]:
    client = Client(raise_request_exception=False)
    if name == "ann":
        client.force_login(ann)
    if name == "stale":
        client.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32
    for path in PATHS:
        print(json.dumps({"event": "begin", "who": name, "path": path}), flush=True)
        print(json.dumps({"event": "cost", "who": name, **cost(client, path)}), flush=True)


async def ask_async():
    client = AsyncClient(raise_request_exception=False)
    await client.aforce_login(ann)
    for path in PATHS:
        print(json.dumps({"event": "begin", "who": "ann, async", "path": path}), flush=True)
        await client.get(path)


asyncio.run(ask_async())
sys.stdout.flush()
