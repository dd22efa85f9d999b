"""The Django app: starts telemetry, and checks that it is wired."""

from django.apps import AppConfig
from django.core.checks import register

from .checks import check_environment, check_requirements, check_wiring
from .config import init_telemetry


class TelemetryConfig(AppConfig):
    name = __name__.removesuffix(".apps")
    label = "telemetry"

    def ready(self) -> None:
        init_telemetry()
        register(check_environment)
        register(check_requirements)
        register(check_wiring)
