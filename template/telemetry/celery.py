"""The task class: the caller's context in each task, lines for each run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from celery.contrib.django.task import DjangoTask
from celery.signals import before_task_publish, task_postrun, task_prerun

from .celery_message import HEADER, is_enabled, pack
from .celery_run import TaskRun, run_of
from .celery_worker import leave_out_trace, take_over_logging
from .context import Scope, current

# Arguments that set fields of the context, and that no task ever sees.
CONTEXT_ARGUMENTS = {"_request_id": "request.id", "_user_id": "user.id"}


class TelemetryTask(DjangoTask):  # type: ignore[type-arg]
    """As `base=` of a task, or as `task_cls=` of the whole application.

    The caller's context travels by itself; `_request_id=` and `_user_id=` set
    it by hand. A direct call is no run of a task, and leaves no lines.
    """

    abstract = True
    Request = f"{__package__}.celery_request:TelemetryRequest"

    @classmethod
    def on_bound(cls, app: Any) -> None:
        """Celery calls this when `app` takes up the task."""
        if is_enabled() and issubclass(app.Task, TelemetryTask):
            leave_out_trace()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        fields, kwargs = _split(kwargs)
        request: Any = self.request_stack.top
        if request is None or request.called_directly or request._protected:
            with _scope(fields):
                return super().__call__(*args, **kwargs)
        # Celery's mark that the call has been made; the next is a direct one.
        request._protected = 1
        if run := run_of(self):
            run.start()
        return self.run(*args, **kwargs)

    def apply_async(
        self,
        args: Any = None,
        kwargs: Any = None,
        *positional: Any,
        **options: Any,
    ) -> Any:
        fields, kwargs = _split(kwargs or {})
        with _scope(fields) if fields else nullcontext():
            return super().apply_async(args, kwargs, *positional, **options)

    def apply(
        self,
        args: Any = None,
        kwargs: Any = None,
        *positional: Any,
        **options: Any,
    ) -> Any:
        fields, kwargs = _split(kwargs or {})
        with _scope(fields) if fields else nullcontext():
            return super().apply(args, kwargs, *positional, **options)


@before_task_publish.connect
def _send_context(headers: dict[str, Any], **_: object) -> None:
    if is_enabled():
        headers[HEADER] = pack(current())


@task_prerun.connect
def _enter(task: Any, kwargs: Mapping[str, Any], **_: object) -> None:
    if isinstance(task, TelemetryTask) and is_enabled():
        TaskRun(task, _split(kwargs)[0])


@task_postrun.connect
def _exit(task: Any, state: str | None, retval: Any, **_: object) -> None:
    if run := run_of(task):
        run.finish(state, retval)


def _split(kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields that `kwargs` set, and the task's own arguments."""
    own = dict(kwargs)
    fields = {}
    for name, field in CONTEXT_ARGUMENTS.items():
        value = own.pop(name, None)
        if value is not None:
            fields[field] = value
    return fields, own


@contextmanager
def _scope(fields: Mapping[str, Any]) -> Iterator[None]:
    """Run a block with `fields`; with it ends what it has bound itself."""
    scope = Scope({**current(), **fields})
    try:
        yield
    finally:
        scope.exit()


take_over_logging()
