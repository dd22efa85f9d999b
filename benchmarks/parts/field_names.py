"""What `field_names: both` adds to a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..compare import compare
from ..results import Result
from .request import make

if TYPE_CHECKING:
    from ..environment import Environment

__all__ = ["make", "measure"]

VARIANTS = {
    "bare": "bare Django",
    "ours": "**telemetry**, classic",
    "ours@both": "telemetry, both",
}


def measure(environment: Environment) -> Result:
    return compare(
        environment, "field_names", "Sync request by field names", VARIANTS, base="bare"
    )
