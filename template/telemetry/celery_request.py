"""The worker's side of a task: what becomes of one whose process cannot tell."""

from typing import Any

from celery.worker.request import Request

from .celery_header import HEADER, unpack
from .context import Scope


class TelemetryRequest(Request):
    """Gives the task's context to what the worker itself says and sends about it."""

    def on_timeout(self, soft: bool, timeout: float) -> None:
        scope = self._bind()
        try:
            super().on_timeout(soft, timeout)
        finally:
            scope.exit()

    def on_failure(self, *args: Any, **kwargs: Any) -> None:
        scope = self._bind()
        try:
            super().on_failure(*args, **kwargs)
        finally:
            scope.exit()

    def _bind(self) -> Scope:
        _, fields = unpack(self.request_dict.get(HEADER))
        return Scope({"request.id": self.root_id, **fields, "task.id": self.id, "task.name": self.name})
