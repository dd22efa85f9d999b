"""The worker's own output: through `logging`, once, in our format."""

import logging
import os
from typing import Any

from celery import current_task
from celery.signals import celeryd_init, import_modules, setup_logging
from celery.utils.log import get_multiprocessing_logger
from django.conf import settings

from .access_log import REPLACED_ATTRIBUTE
from .celery_run import is_enabled, run_of
from .environment import load


# Their records carry the task, arguments included, as `data`.
_TRACE = "celery.app.trace"
_RECEIVED = "celery.worker.strategy"


@import_modules.connect
def _take_over_logging(**_: object) -> None:
    """Keep Celery from replacing handlers, before it does so and after the settings are there."""
    if is_enabled():
        setup_logging.connect(_keep_logging)


def _keep_logging(**_: object) -> None:
    """Celery leaves `logging` alone when this signal has a receiver."""
    # What the pool says of its processes; Celery would give it a handler of its own.
    pool = get_multiprocessing_logger()
    pool.propagate = True
    pool.setLevel(logging.ERROR)


@celeryd_init.connect
def _leave_out_banner(instance: Any, **_: object) -> None:
    if is_enabled() and load(os.environ, debug=settings.DEBUG).log_format == "json":
        instance.quiet = True


def _name_task(record: logging.LogRecord) -> bool:
    """Give the record our fields, and mark one that tells what a line of ours tells."""
    data = record.__dict__.get("data")
    if is_enabled() and isinstance(data, dict):
        del record.data
        record.__dict__ |= {"task.id": data.get("id"), "task.name": data.get("name")}
        if record.name == _TRACE and current_task and run_of(current_task):
            record.__dict__[REPLACED_ATTRIBUTE] = True
    return True


for name in (_TRACE, _RECEIVED):
    logging.getLogger(name).addFilter(_name_task)
