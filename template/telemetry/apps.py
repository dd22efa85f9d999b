"""The Django app: starts telemetry, registers the checks."""

from django.apps import AppConfig
from django.core.checks import register

from .checks import check_wiring
from .config import init_telemetry


class TelemetryConfig(AppConfig):
    name = __name__.removesuffix(".apps")
    label = "telemetry"

    def ready(self) -> None:
        init_telemetry()
        register(check_wiring)
