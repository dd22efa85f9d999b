"""The results as Markdown, and in the README."""

from __future__ import annotations

from collections.abc import Mapping

from tests.support import REPOSITORY

from .picture import bars
from .results import Result, Row, Verdict

README = REPOSITORY / "README.md"
PICTURE = REPOSITORY / "benchmarks" / "results" / "request.svg"
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def markdown(results: Mapping[str, Result]) -> str:
    """Return every part's table and its targets."""
    return "\n".join(_table(result) for result in results.values())


def put_into_readme(machine: str, results: Mapping[str, Result]) -> None:
    """Replace what stands between the markers of the README by these results."""
    PICTURE.write_text(bars(results["Sync request"]))
    text = README.read_text() if README.exists() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if begin and end:
        section = f"{_summary(results)}\nMeasured with {machine}"
        README.write_text(f"{before}{BEGIN}\n{section}\n{END}{after}")


# What a reader compares, of the parts that matter to them.
SUMMARY = {
    "Sync request": ("django-guid, JSON line", "django-structlog, as documented"),
    "Log line, eight context fields": (
        "structlog, native loggers",
        "structlog, recipe for logging",
    ),
    "WebSocket message": ("OpenTelemetry ASGI middleware at 10 %",),
    "Task, published and run by a worker": ("django-structlog's signals",),
}


def _shown(row: Row) -> str:
    """Return the cost; what is added can be less than the spread of the base."""
    return f"{_number(row.value)} µs" if row.value > 0 else "not measurable"


def _summary(results: Mapping[str, Result]) -> str:
    lines = ["| what is added | telemetry | others |", "|---|---:|---|"]
    for title, peers in SUMMARY.items():
        cost = {row.name: _shown(row) for row in results[title].rows}
        others = ", ".join(f"{peer}: {cost[peer]}" for peer in peers)
        lines.append(f"| {title} | {cost['**telemetry**']} | {others} |")
    return "\n".join([*lines, ""])


def _table(result: Result) -> str:
    lines = [f"### {result.title}", "", f"| | {result.column} | spread | |"]
    lines += ["|---|---:|---|---|", *map(_row, result.rows), ""]
    lines += [f"- {v.text}: {_ratio(v)}" for v in result.verdicts]
    return "\n".join([*lines, ""])


def _row(row: Row) -> str:
    spread = f"{_number(row.low)} to {_number(row.high)}" if row.low != row.high else ""
    return f"| {row.name} | {_number(row.value)} {row.unit} | {spread} | {row.note} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _ratio(verdict: Verdict) -> str:
    ratio = verdict.ratio
    if ratio <= 0.01:
        text = "nothing measurable"
    else:
        text = f"1/{1 / ratio:.1f}" if ratio < 0.67 else f"{ratio:.2f} ×"
    note = f" ({verdict.note})" if verdict.note else ""
    return f"{text}, {'met' if verdict.met else '**not met**'}{note}"
