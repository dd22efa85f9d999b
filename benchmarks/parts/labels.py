"""Labels of a path."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..compare import compare
from ..results import Result, Target

if TYPE_CHECKING:
    from ..environment import Environment

PATH = "/api/tournaments/5/teams/12/players/3f1b2c9e-8d7e-4f60-a1b2-c3d4e5f60718/"
LONG = "/tournaments/5/x" * 1_000

VARIANTS = {
    "ours": "**telemetry**, 10 resources",
    "ours_1000": "telemetry, 1,000 resources",
    "regex": "one regex search per pattern, 10 patterns",
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
    if variant == "regex":
        extract = _searcher(RESOURCES)

    def run(count: int) -> None:
        for _ in range(count):
            extract(path)

    return run


def _searcher(resources: dict[str, str]) -> Callable[[str], dict[str, object]]:
    spelled: dict[str, list[str]] = {}
    for segment, label in resources.items():
        spelled.setdefault(label, []).append(segment)
    patterns = {
        label: re.compile(
            rf"/(?:{'|'.join(segments)})/(?:(\d+)|([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}"
            r"-[0-9a-f]{12}))?(?=/|$)"
        )
        for label, segments in spelled.items()
    }

    def extract(path: str) -> dict[str, object]:
        labels: list[str] = []
        found: dict[str, object] = {"labels": labels}
        for label, pattern in patterns.items():
            if match := pattern.search(path):
                labels.append(label)
                number, uuid = match.groups()
                found[f"{label}.id"] = int(number) if number else uuid
        return found

    return extract
