"""Tracing: OpenTelemetry when OTEL_ENABLED=true; it never stops start-up."""

import os

from .environment import load
from .logging import get_logger

log = get_logger("telemetry.tracing")

_state = {"started": False}


def init_tracing() -> None:
    """Start traces, metrics and log records; a second call changes nothing.

    OpenTelemetry is imported here and not before. Whatever is wrong with it,
    one line names it, and the application runs without.
    """
    environment = load(os.environ)
    if _state["started"] or not environment.enabled:
        return
    if not environment.otel_enabled:
        return
    _state["started"] = True
    try:
        from .tracing_export import start

        reason = start(environment)
    except Exception as error:  # A package, a limit, a propagator.
        log.warning("tracing_disabled", reason=_reason(error))
    else:
        if reason:
            log.info("tracing_disabled", reason=reason)


def _reason(error: Exception) -> str:
    """Return what is wrong, with the variable that holds the bad value."""
    text = f"{type(error).__name__}: {error}"
    variables = [
        f"{name}={value!r}"
        for name, value in sorted(os.environ.items())
        if name.startswith("OTEL_") and value and value in text
    ]
    if not variables and isinstance(error, ValueError | TypeError):
        numbers = ("_LIMIT", "_SIZE", "_DELAY", "_TIMEOUT", "PROPAGATORS")
        variables = [
            f"{name}={value!r}"
            for name, value in sorted(os.environ.items())
            if name.startswith("OTEL_") and name.endswith(numbers)
        ]
    return f"{text} ({', '.join(variables)})" if variables else text
