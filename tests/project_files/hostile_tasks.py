"""Runs many tasks in a pool of threads, each for a request of its own."""

import sys
import time
from contextvars import Context

import django

django.setup()

from celery import Celery  # noqa: E402
from celery.contrib.testing.worker import start_worker  # noqa: E402
from telemetry.celery import TelemetryTask  # noqa: E402
from telemetry.internals.scope import Scope, current  # noqa: E402
from telemetry.logging import get_logger  # noqa: E402

log = get_logger("site")
app = Celery("site", task_cls=TelemetryTask, broker="memory://", backend="cache+memory://")

app.conf.broker_transport_options = {"polling_interval": 0.01}
app.conf.worker_prefetch_multiplier = 0


@app.task
def talk(name):
    log.info("said", name=name)
    time.sleep(0.001)
    log.info("said", name=name)
    return name


def publish(number):
    scope = Scope({"request.id": f"r-{number}"})
    result = talk.delay(f"r-{number}")
    scope.exit()
    return result


with start_worker(
    app, pool="threads", concurrency=8, perform_ping_check=False, loglevel="INFO"
):
    results = [Context().run(publish, number) for number in range(int(sys.argv[1]))]
    for result in results:
        result.get(timeout=60, interval=0.05)
print(f"context after: {current()}", file=sys.__stderr__)
