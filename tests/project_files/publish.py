"""Publishes what anybody who can reach the broker may: messages of any shape."""

import json
import sys

from django.conf import settings
from kombu import Connection

SECRET = "arg-7f3c"
BODY = json.dumps([[SECRET, 2], {"card": SECRET}, {}])


def publish(id, headers=None, task="config.tasks.add", body="[[1, 2], {}, {}]", **more):
    headers = {"task": task, "id": id, "argsrepr": repr((SECRET,)), **(headers or {})}
    more.setdefault("content_type", "application/json")
    url, options = settings.CELERY_BROKER_URL, settings.CELERY_BROKER_TRANSPORT_OPTIONS
    with Connection(url, transport_options=options) as connection:
        connection.Producer().publish(
            body,
            routing_key="celery",
            headers=headers,
            content_encoding="utf-8",
            correlation_id=id,
            **more,
        )


def forge():
    fields = {
        "request.id": "r-1",
        "user.id": 7,
        "labels": ["draft"],
        "draft.id": 12,
        "tenant": "north",
        "timestamp": "1970-01-01T00:00:00Z",
        "level": "critical",
        "logger": "root",
        "event": "forged",
        "exception": "forged",
        "task.id": "forged",
        "task.name": "forged",
        "trace_id": "f" * 32,
        "span_id": "f" * 16,
        "two words": 1,
        "k" * 100: 1,
        "long": "x" * 1_000,
        "deep": [[[["x" * 1_000]]]],
    }
    publish("forged", {"telemetry": json.dumps([1, fields])})


def oddities():
    publish("plain")
    odd = [
        "9" * 400,
        f"[{'9' * 400}, {{}}]",
        "[" * 200_000,
        f'[1, {{"a": {"[" * 900}{"]" * 900}}}]',
        '[1, [["a", 1], 2]]',
        '[1e999, {"a": null}]',
        "x" * 3_000_000,
        5,
        ["a"],
        {"a": {"b": "c"}},
        None,
    ]
    for number, header in enumerate(odd):
        publish(f"odd-{number}", {"telemetry": header})
    publish("odd-run", {"telemetry_run": "mine", "eta": None})
    print(len(odd) + 1)


def quoting():
    publish("run", {"argsrepr": repr((SECRET,)), "kwargsrepr": ""}, body=BODY)
    publish("unknown", task="config.tasks.unknown", body=BODY)
    publish("invalid", {"expires": f"never {SECRET}"[:5]}, body=BODY)
    publish("late", {"eta": "0001-01-01T00:00:00+14:00"}, body=BODY)
    publish("undecodable", body=f"{SECRET} {{")
    publish("untrusted", body=BODY, content_type="application/x-python-serialize")
    publish("no-task", {"task": None}, body=json.dumps({"card": SECRET}))


globals()[sys.argv[1]]()
