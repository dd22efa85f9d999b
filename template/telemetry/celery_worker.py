"""The worker's own output: through `logging`, once, in our format."""

import logging
import os
import sys
from typing import Any

from celery import current_task
from celery.signals import celeryd_init, import_modules, setup_logging
from celery.utils.log import get_multiprocessing_logger
from django.conf import settings

from .access_log import REPLACED_ATTRIBUTE, Replaced
from .celery_message import is_enabled
from .celery_run import run_of
from .context import current
from .environment import load
from .logging import get_logger

# Their records carry the task, arguments included, as `data`.
_TRACE = "celery.app.trace"
_RECEIVED = "celery.worker.strategy"
# Of its records, these tell what `task_failed` and `task_revoked` tell.
_REQUEST = "celery.worker.request"
_REPLACED = (
    "Discarding revoked task",
    "Hard time limit",
    "Task handler raised error",
)


def take_over_logging() -> None:
    """Let what Celery says of a task have our fields, and be said once."""
    logging.getLogger(_TRACE).addFilter(_name_task)
    logging.getLogger(_RECEIVED).addFilter(_name_task)
    logging.getLogger(_REQUEST).addFilter(_mark_replaced)
    if settings.configured:  # A `task_cls` given by its name comes late.
        _keep_handlers()


def leave_out_trace() -> None:
    """Spare Celery the making of lines that would be left out."""
    logging.getLogger(_TRACE).setLevel(logging.WARNING)


@import_modules.connect
def _keep_handlers(**_: object) -> None:
    """Before Celery sets up logging, and when the settings have been read."""
    if is_enabled():
        setup_logging.connect(_set_up_logging)


def _set_up_logging(**_: object) -> None:
    """Celery leaves handlers alone when this signal has a receiver."""
    # What the pool says of its processes does not go to the root logger.
    if pool := get_multiprocessing_logger():
        pool.propagate = True
        pool.setLevel(logging.ERROR)


@celeryd_init.connect
def _replace_prints(instance: Any, **_: object) -> None:
    environment = load(os.environ, debug=settings.DEBUG)
    if environment.enabled and environment.log_format == "json":
        instance.quiet = True
        # The worker prints, past `logging`, that a signal stops it.
        sys.modules["celery.apps.worker"].__dict__["safe_say"] = _say


def _say(message: str, *_: object) -> None:
    get_logger("celery.apps.worker").info(message)


def _name_task(record: logging.LogRecord) -> bool:
    data = record.__dict__.get("data")
    if is_enabled() and isinstance(data, dict):
        del record.__dict__["data"]
        record.__dict__ |= {
            "task.id": data.get("id"),
            "task.name": data.get("name"),
        }
        if record.name == _TRACE and current_task and run_of(current_task):
            record.__dict__[REPLACED_ATTRIBUTE] = Replaced
    return True


def _mark_replaced(record: logging.LogRecord) -> bool:
    if str(record.msg).startswith(_REPLACED) and "task.id" in current():
        record.__dict__[REPLACED_ATTRIBUTE] = Replaced
    return True
