"""Tasks as spans, in the trace of whoever sent them."""

from collections.abc import Callable
from typing import Any

from celery.signals import task_prerun, worker_process_shutdown
from celery.utils import uuid
from opentelemetry.instrumentation.celery import CeleryInstrumentor, utils
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import get_current_span

# Its signals come first: a task's last line comes before its span ends.
from .celery import TelemetryTask
from .context import current
from .tracing_shutdown import Shutdown


def instrument_celery(provider: TracerProvider, shutdown: Shutdown) -> None:
    """Let every task be a span; a pool's process ends without `atexit`."""
    instrumentor: Any = CeleryInstrumentor
    instrumentor().instrument(
        tracer_provider=provider,
        raise_exception_on_conflict=True,
    )
    publish = _ending_spans(TelemetryTask.apply_async)
    setattr(TelemetryTask, "apply_async", publish)  # noqa: B010
    task_prerun.connect(_add_fields)
    worker_process_shutdown.connect(shutdown.flush)


def _add_fields(**_: Any) -> None:
    span = get_current_span()
    if span.is_recording():
        span.set_attributes(current())


def _ending_spans(apply_async: Callable[..., Any]) -> Callable[..., Any]:
    """Let the span of a publish end that fails; it would stay the current."""

    def publish(
        task: Any,
        args: Any = None,
        kwargs: Any = None,
        task_id: str | None = None,
        *positional: Any,
        **options: Any,
    ) -> Any:
        task_id = task_id or uuid()
        try:
            return apply_async(
                task,
                args,
                kwargs,
                task_id,
                *positional,
                **options,
            )
        except Exception as error:
            _end_span(task, task_id, error)
            raise

    return publish


def _end_span(task: Any, task_id: str, error: Exception) -> None:
    publishing = utils.retrieve_context(task, task_id, is_publish=True)
    if publishing is None:
        return
    utils.detach_context(task, task_id, is_publish=True)
    _, activation, _ = publishing
    activation.__exit__(type(error), error, error.__traceback__)
