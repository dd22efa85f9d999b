"""Tracing: OpenTelemetry when OTEL_ENABLED=true, and no reason to stop."""

import os

from .environment import load
from .logging import get_logger

log = get_logger(__name__)

_state = {"started": False}


def init_tracing() -> None:
    """Start traces and log records; a second call changes nothing.

    OpenTelemetry is imported here and not before. Whatever is wrong with it,
    one line says so, and the application goes on without.
    """
    environment = load(os.environ)
    if _state["started"] or not environment.enabled:
        return
    if not environment.otel_enabled:
        return
    _state["started"] = True
    try:
        from .tracing_start import start

        reason = start(environment.tracing)
    except Exception as error:  # a package, a limit, a propagator …
        reason = f"{type(error).__name__}: {error}"
        log.warning("tracing_disabled", reason=reason)
    else:
        if reason:
            log.info("tracing_disabled", reason=reason)
