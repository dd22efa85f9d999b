"""The Django app: starts telemetry, registers the checks."""

from django.apps import AppConfig
from django.core.checks import register

from . import checks
from .config import init_telemetry


class TelemetryConfig(AppConfig):
    name = __name__.removesuffix(".apps")
    label = "telemetry"

    def ready(self) -> None:
        init_telemetry()
        for check in checks.CHECKS:
            register(check)
