"""The worker's side of a task: the end of one whose process cannot tell it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from billiard.exceptions import WorkerLostError
from celery.exceptions import Reject
from celery.signals import task_failure, task_revoked
from celery.worker.request import Request

from .celery import TelemetryTask
from .celery_message import HEADER, is_enabled, task_fields, unpack
from .context import Scope
from .logging import get_logger

log = get_logger(f"{__package__}.celery")


class TelemetryRequest(Request):
    """Gives what the worker says and sends about a task the task's context."""

    _told = False

    def revoked(self) -> bool:
        with _handling(self):
            return bool(super().revoked())

    def on_timeout(self, soft: bool, timeout: float) -> None:
        with _handling(self):
            super().on_timeout(soft, timeout)

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> None:
        with _handling(self):
            super().on_failure(exc_info, *args, **kwargs)
            error = getattr(exc_info.exception, "exc", exc_info.exception)
            lost = isinstance(error, WorkerLostError)
            if lost and self.task.reject_on_worker_lost:
                self._tell("task_rejected", error, requeue=True)

    def tell_failure(self, error: BaseException) -> None:
        """Say that the task has failed; Celery reports a time limit twice."""
        self._tell("task_failed", error)

    def _tell(self, event: str, error: BaseException, **fields: Any) -> None:
        if self._told:
            return
        self._told = True
        if self.time_start:
            duration = time.time() - self.time_start
            fields["duration_ms"] = round(duration * 1000, 2)
        log.error(event, exc_info=error, **fields)


_handled = ContextVar[TelemetryRequest | None]("handled", default=None)


@contextmanager
def _handling(request: TelemetryRequest) -> Iterator[None]:
    if not is_enabled():
        yield
        return
    token = _handled.set(request)
    try:
        with _context(request.request_dict):
            yield
    finally:
        _handled.reset(token)


@task_failure.connect
def _tell_failure(exception: BaseException, **_: object) -> None:
    request = _handled.get()
    if request is not None and not isinstance(exception, Reject):
        request.tell_failure(exception)


@task_revoked.connect
def _tell_revoked(sender: Any, request: Any, **named: Any) -> None:
    if isinstance(sender, TelemetryTask) and is_enabled():
        fields = {name: named[name] for name in ("terminated", "expired")}
        with _context(vars(request)):
            log.warning("task_revoked", **fields)


@contextmanager
def _context(message: Mapping[str, Any]) -> Iterator[None]:
    _, carried = unpack(message.get(HEADER))
    scope = Scope(task_fields(message, carried))
    try:
        yield
    finally:
        scope.exit()
