"""A task for each way in which one can end, for projects that tests start."""

import logging
import os
import signal
import sys
import time
from pathlib import Path

from celery import Task, shared_task
from celery.exceptions import Ignore, Reject
from celery.utils.log import get_task_logger
from structlog.contextvars import bind_contextvars
from telemetry.logging import get_logger

log = get_logger("site")


@shared_task
def add(left, right):
    log.info("seen")
    logging.getLogger("site.standard").info("seen by logging")
    return left + right


@shared_task
def total(numbers):
    log.info("seen")
    return sum(numbers)


@shared_task
def nest(depth):
    log.info("seen")
    bind_contextvars(bound=f"at {depth}")
    if depth:
        nest.delay(depth - 1)


@shared_task
def prints():
    print("printed")


@shared_task(base=Task)
def foreign():
    log.info("seen")


@shared_task
def audited():
    get_task_logger(__name__).info("audited")


@shared_task
def unserializable():
    return object()


@shared_task
def tick():
    add.delay(1, 2)


@shared_task(bind=True)
def headers(self):
    log.info("seen", tenant=self.request.get("tenant"))


@shared_task(bind=True, max_retries=1)
def flaky(self):
    if not self.request.retries:
        raise self.retry(exc=ValueError("not yet"), countdown=0.1)


@shared_task(bind=True, max_retries=1)
def hopeless(self):
    raise self.retry(exc=ValueError("not ever"), countdown=0.1)


@shared_task
def fail():
    raise ValueError("broken on purpose")


@shared_task
def ignore():
    raise Ignore


@shared_task(acks_late=True)
def reject():
    raise Reject("not mine", requeue=False)


@shared_task(soft_time_limit=1)
def too_long_softly():
    time.sleep(60)


@shared_task(time_limit=1)
def too_long():
    time.sleep(60)


@shared_task
def kill():
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task
def leave():
    sys.exit(3)


@shared_task(acks_late=True, reject_on_worker_lost=True)
def kill_once(marker):
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)


@shared_task
def wait():
    log.info("waiting")
    time.sleep(60)
