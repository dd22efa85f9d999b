"""The Django app: starts telemetry, and checks that it is wired."""

from django.apps import AppConfig
from django.core.checks import register

from . import checks
from .config import init_telemetry


class TelemetryConfig(AppConfig):
    name = __name__.removesuffix(".apps")
    label = "telemetry"

    def ready(self) -> None:
        init_telemetry()
        register(checks.check_environment)
        register(checks.check_requirements)
        register(checks.check_middleware)
        register(checks.check_logging)
