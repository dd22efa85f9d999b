"""Frames: where in the project's own code something happened."""

import os
from collections.abc import Iterable
from functools import lru_cache
from types import FrameType

from django.conf import settings

# Code in these folders is not the project's: the standard library, this package.
_OTHERS = (
    os.path.join(os.path.dirname(os.__file__), ""),
    os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ""),
)
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def project_frame(frames: Iterable[tuple[FrameType, int]]) -> str | None:
    """Return `shop/views.py:41 in pay` for the first frame in the project's code.

    `frames` are pairs of a frame and its line number, the innermost first. Paths
    are relative to `BASE_DIR`, or to the working directory if that is not set.
    """
    for frame, line_number in frames:
        if path := _project_path(frame.f_code.co_filename):
            return f"{path}:{line_number} in {frame.f_code.co_name}"
    return None


@lru_cache(1_000)
def _project_path(filename: str) -> str | None:
    """Return the path to show, None for a file that is not the project's.

    What is outside of the project's folder is absolute.
    """
    if not filename.endswith(".py"):
        return None  # Such as `<string>`, or a template that has been compiled.
    if filename.startswith(_OTHERS) or any(part in filename for part in _INSTALLED):
        return None
    base = getattr(settings, "BASE_DIR", "") if settings.configured else ""
    try:
        # Deployments link the current release, hence `realpath` on both sides.
        relative = os.path.relpath(os.path.realpath(filename), os.path.realpath(base))
    except (OSError, TypeError, ValueError):  # No such folder, or another drive.
        return filename
    return filename if relative.startswith("..") else relative
