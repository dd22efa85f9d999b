"""Labels of a path."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ..compare import compare
from ..results import Result, Target

if TYPE_CHECKING:
    from ..environment import Environment

PATH = "/api/tournaments/5/"
LONG = "/tournaments/5/x" * 1_000

VARIANTS = {
    "ours": "**telemetry**, 10 resources",
    "ours_1000": "telemetry, 1,000 resources",
    "regex": "re.search per pattern, for API and WebSocket paths",
    "compiled": "one compiled regex per resource",
    "long": "telemetry, a path of 16,000 characters",
    "longer": "telemetry, a path of 160,000 characters",
}


def measure(environment: Environment) -> Result:
    return compare(
        environment,
        "labels",
        "Labels",
        VARIANTS,
        targets=[
            Target(1 / 5, "regex"),
            Target(1.2, "ours", "ours_1000"),
            Target(10, "long", "longer"),
        ],
    )


def make(variant: str) -> Callable[[int], object]:
    from telemetry.labels import RESOURCES, extract_labels

    path = {"long": LONG, "longer": LONG * 10}.get(variant, PATH)
    extract = extract_labels
    if variant == "ours_1000":
        RESOURCES.update((f"resource{n}", f"resource{n}") for n in range(990))
    if variant in ("regex", "compiled"):
        extract = _searcher(RESOURCES, compiled=variant == "compiled")

    def run(count: int) -> None:
        for _ in range(count):
            extract(path)

    return run


def _searcher(
    resources: dict[str, str], *, compiled: bool
) -> Callable[[str], dict[str, object]]:
    """Return what each pattern is searched by, as is often done by hand."""
    patterns: list[tuple[str, Callable[[str], re.Match[str] | None]]] = []
    for label in set(resources.values()):
        segments = "|".join(s for s in resources if resources[s] == label)
        tail = rf"(?:{segments})/(?:(\d+)|([0-9a-f-]{{36}}))?(?=/|$)"
        if compiled:
            patterns.append((label, re.compile(f"/{tail}").search))
        else:
            patterns.append((label, partial(re.search, f"^/api/{tail}")))
            patterns.append((label, partial(re.search, f"^/ws/{tail}")))

    def extract(path: str) -> dict[str, object]:
        labels: list[str] = []
        found: dict[str, object] = {"labels": labels}
        for label, search in patterns:
            if match := search(path):
                labels.append(label)
                number, uuid = match.groups()
                found[f"{label}.id"] = int(number) if number else uuid
        return found

    return extract
