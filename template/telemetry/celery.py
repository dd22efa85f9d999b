"""The task class: the caller's context in each task, and lines for each run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from celery.contrib.django.task import DjangoTask
from celery.signals import before_task_publish, task_postrun, task_prerun

from . import celery_worker
from .celery_header import HEADER, pack
from .celery_run import TaskRun, is_enabled, run_of
from .context import Scope, current

# Arguments that set fields of the context, and that no task ever sees.
CONTEXT_ARGUMENTS = {"_request_id": "request.id", "_user_id": "user.id"}


class TelemetryTask(DjangoTask[Any, Any]):
    """As `base=` of a task, or as `task_cls=` of the whole application.

    The caller's context travels by itself; `_request_id=` and `_user_id=` set it by hand.
    A direct call runs in the caller's context and is no run of a task: it leaves no lines.
    """

    abstract = True
    Request = f"{__package__}.celery_request:TelemetryRequest"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        run = run_of(self)
        fields, kwargs = _split(kwargs)
        if run is not None and run.begin():
            return self.run(*args, **kwargs)
        with _bound(fields):
            return super().__call__(*args, **kwargs)

    def apply_async(
        self, args: Any = None, kwargs: Any = None, *positional: Any, **options: Any
    ) -> Any:
        fields, kwargs = _split(kwargs or {})
        if not fields:
            return super().apply_async(args, kwargs, *positional, **options)
        with _bound(fields):
            return super().apply_async(args, kwargs, *positional, **options)

    def apply(self, args: Any = None, kwargs: Any = None, *positional: Any, **options: Any) -> Any:
        fields, kwargs = _split(kwargs or {})
        with _bound(fields):
            return super().apply(args, kwargs, *positional, **options)


@before_task_publish.connect
def _send_context(headers: dict[str, Any], **_: object) -> None:
    if is_enabled():
        headers[HEADER] = pack(current())


@task_prerun.connect
def _start(task: Any, kwargs: Mapping[str, Any], **_: object) -> None:
    if isinstance(task, TelemetryTask) and is_enabled():
        TaskRun(task, _split(kwargs)[0])


@task_postrun.connect
def _finish(task: Any, state: str | None, retval: Any, **_: object) -> None:
    run = run_of(task)
    if run is not None:
        run.finish(state, retval)


def _split(kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields that `kwargs` set, and the task's own arguments."""
    fields = {
        field: kwargs[name]
        for name, field in CONTEXT_ARGUMENTS.items()
        if kwargs.get(name) is not None
    }
    return fields, {name: kwargs[name] for name in kwargs if name not in CONTEXT_ARGUMENTS}


@contextmanager
def _bound(fields: Mapping[str, Any]) -> Iterator[None]:
    """Run a block in the context with `fields`; whatever it binds ends with it."""
    scope = Scope(fields)
    try:
        yield
    finally:
        scope.exit()
