"""What was tried, counted over all processes, and told at the end of a run."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

FIGURES: Counter[str] = Counter()


def count(what: str, number: int = 1) -> None:
    """Add to a figure: inputs, faults, requests, lines, lines lost."""
    FIGURES[what] += number


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["figures"] = dict(FIGURES)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Called for each process of pytest-xdist that ends."""
    FIGURES.update(getattr(node, "workeroutput", {}).get("figures", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        told = ", ".join(f"{number:,} {what}" for what, number in FIGURES.items())
        terminalreporter.write_line(f"hostile: {told}")
