"""What a part found: rows of medians with their spread, and targets met or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

from .slices import Slices


@dataclass
class Row:
    """One variant; `value` is a median, `low` and `high` are the quartiles around it."""

    name: str
    value: float
    low: float
    high: float
    unit: str = "µs"
    note: str = ""

    @classmethod
    def of(cls, name: str, values: Sequence[float], **more: str) -> Row:
        low, middle, high = quantiles(values, n=4)
        return cls(name, middle, low, high, **more)


@dataclass(frozen=True)
class Target:
    """`variant` costs at most `limit` times what `peer` does."""

    limit: float
    peer: str
    variant: str = "ours"


@dataclass
class Verdict:
    text: str
    ratio: float
    limit: float
    note: str = ""

    @property
    def met(self) -> bool:
        return self.ratio <= self.limit


@dataclass
class Result:
    """A part's table; `column` says what its numbers are."""

    title: str
    column: str
    rows: list[Row] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)


def over(slices: Slices, variant: str, base: str | None) -> list[float]:
    """Return microseconds of each slice, over those of `base` in the same round."""
    if base is None:
        return [value / 1000 for value in slices[variant]]
    pairs = zip(slices[variant], slices[base], strict=True)
    return [(value - bare) / 1000 for value, bare in pairs]


def verdicts(
    slices: Slices,
    variants: Mapping[str, str],
    base: str | None,
    targets: Sequence[Target],
) -> list[Verdict]:
    found = []
    for target in targets:
        ratio = median(over(slices, target.variant, base)) / median(
            over(slices, target.peer, base)
        )
        text = f"≤ {_times(target.limit)} {variants[target.peer]}"
        if target.variant != "ours":
            text = f"{variants[target.variant]} {text}"
        found.append(Verdict(text, ratio, target.limit))
    return found


def _times(limit: float) -> str:
    return f"1/{1 / limit:g} of" if limit < 0.9 else f"{limit:g} ×"
