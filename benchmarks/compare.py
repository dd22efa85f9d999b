"""The common measurement: variants in interleaved slices become a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from . import slices
from .results import Result, Row, Target, over, verdicts

if TYPE_CHECKING:
    from .environment import Environment


def compare(
    environment: Environment,
    part: str,
    title: str,
    variants: Mapping[str, str],
    *,
    base: str | None = None,
    targets: Sequence[Target] = (),
    notes: Mapping[str, str] | None = None,
    rounds: int = 80,
    processes: int = slices.PROCESSES,
) -> Result:
    """Measure `variants` of a part; with a `base`, by what they add to it."""
    taken, written = slices.take(environment, part, variants, rounds, processes)
    result = Result(title, f"over {variants[base]}" if base else "cost")
    for variant, name in variants.items():
        note = f"{len(written[variant])} lines" if len(written[variant]) != 1 else ""
        note = ", ".join(filter(None, [note, (notes or {}).get(variant, "")]))
        if variant == base:
            values, note = over(taken, variant, None), "itself"
        else:
            values = over(taken, variant, base)
        result.rows.append(Row.of(name, values, note=note))
    result.verdicts = verdicts(taken, variants, base, targets)
    return result
