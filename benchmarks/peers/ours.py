"""The rendered package, wired as its README says."""

from typing import Any

MIDDLEWARE = "telemetry.middleware.TelemetryMiddleware"


def configure(settings: dict[str, Any]) -> None:
    settings["INSTALLED_APPS"].insert(0, "telemetry")
    settings["MIDDLEWARE"].insert(0, MIDDLEWARE)


def get_logger() -> Any:
    from telemetry.logging import get_logger

    return get_logger("shop.orders")
