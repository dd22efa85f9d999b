"""The rendered package with TELEMETRY_ENABLED=false."""

import os

from .ours import configure

__all__ = ["configure"]

os.environ["TELEMETRY_ENABLED"] = "false"
