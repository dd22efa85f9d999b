"""TelemetryTask: each run has its sender's context, and lines of its own."""

import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from celery import signals, states
from celery.app.task import Context
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Reject

from .internals.scope import Fields, Scope, current, current_scope
from .internals.task_header import HEADER, pack
from .internals.tasks import TaskRun, report, run_of
from .internals.values import clean

# Arguments that set fields of the context; no task ever sees them.
CONTEXT_ARGUMENTS = {"_request_id": "request.id", "_user_id": "user.id"}

# The id of the task whose process was lost last.
_lost: deque[str] = deque(maxlen=1)


class TelemetryTask(DjangoTask):  # type: ignore[type-arg,unused-ignore]
    """As `base=` of a task, or as `task_cls=` of the whole application.

    The sender's context travels by itself; `_request_id=` and `_user_id=` set
    it by hand. Calling a task directly logs nothing.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        context, kwargs = _split(kwargs)
        request = self.request
        if request.called_directly:
            with _bound(context):
                return super().__call__(*args, **kwargs)
        run = run_of(request)
        if run is None or run.is_called:
            return self.run(*args, **kwargs)
        run.is_called = True
        try:
            return self.run(*args, **kwargs)
        except BaseException as error:
            run.finish(error)
            raise

    def apply_async(
        self, args: Any = None, kwargs: Any = None, *more: Any, **options: Any
    ) -> Any:
        context, kwargs = _split(kwargs)
        with _bound(context) if context else nullcontext():
            return super().apply_async(args, kwargs, *more, **options)

    def apply(
        self, args: Any = None, kwargs: Any = None, *more: Any, **options: Any
    ) -> Any:
        context, kwargs = _split(kwargs)
        with _bound(context) if context else nullcontext():
            return super().apply(args, kwargs, *more, **options)


def connect_signals() -> None:
    """Send the context with each task, and log runs. A second call does nothing."""
    signals.before_task_publish.connect(send_context)
    signals.task_prerun.connect(start_run)
    # Celery sends these before its own record of the outcome, and the next after it.
    signals.task_success.connect(complete_run)
    signals.task_failure.connect(fail_run)
    signals.task_postrun.connect(end_run)
    signals.task_revoked.connect(report_revoked)


def send_context(headers: dict[str, Any], **_: object) -> None:
    headers[HEADER] = pack(clean(current()))


def start_run(task: Any, kwargs: Mapping[str, Any], **_: object) -> None:
    if isinstance(task, TelemetryTask):
        TaskRun(task, _split(kwargs)[0])


def complete_run(sender: Any, **_: object) -> None:
    if run := run_of(sender.request):
        run.finish()


def fail_run(sender: Any, task_id: str, exception: BaseException, **_: object) -> None:
    request = sender.request
    if run := run_of(request):
        run.finish(exception)
    elif isinstance(sender, TelemetryTask) and not isinstance(exception, Reject):
        # The process of the run is lost, and this is its parent, which has the
        # request since Celery 5.7, but not in its second signal for a time limit.
        if request.id == task_id:
            _lost.append(task_id)
        elif task_id in _lost:
            return
        else:
            request = Context(id=task_id)
        report(sender, request, "task_failed", exc_info=exception)


def end_run(task: Any, state: str | None, retval: Any, **_: object) -> None:
    if run := run_of(task.request):
        if state is None:
            # No state, because an exception is leaving Celery's own function, too.
            retval = sys.exception()
        is_error = isinstance(retval, BaseException) and state != states.SUCCESS
        run.finish(retval if is_error else None)
        run.exit()


def report_revoked(
    sender: Any, request: Any, terminated: bool, expired: bool, **_: object
) -> None:
    if isinstance(sender, TelemetryTask):
        own = {"terminated": terminated, "expired": expired}
        report(sender, request, "task_revoked", **own)


def _split(kwargs: Any) -> tuple[Fields, Any]:
    """Return the fields that `kwargs` set, and the task's own arguments."""
    if not kwargs or CONTEXT_ARGUMENTS.keys().isdisjoint(kwargs):
        return {}, kwargs
    own = dict(kwargs)
    context = {field: own.pop(key, None) for key, field in CONTEXT_ARGUMENTS.items()}
    return {key: context[key] for key in context if context[key] is not None}, own


@contextmanager
def _bound(fields: Fields) -> Iterator[None]:
    """Add `fields` to the context, and restore it afterwards, whatever was bound."""
    outer, scope = current_scope(), Scope({**current(), **fields})
    if outer is not None:
        scope.collect_for(outer)
    try:
        yield
    finally:
        scope.exit()
