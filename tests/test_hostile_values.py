"""Whatever is handed to a logger: one call, one sound line, nothing raised."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .hostile import values
from .hostile.figures import count
from .hostile.package import Sink, many, package

package()

JSON, PRETTY = Sink("JsonFormatter"), Sink("PrettyFormatter")


@pytest.fixture(autouse=True)
def nothing_complained(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert capsys.readouterr().err == ""


def log_everywhere(event: Any, fields: dict[str, Any]) -> None:
    """Say it to both loggers in both formats, and look at each line."""
    count("inputs", 6)
    for sink in (JSON, PRETTY):
        look = sink.json_line if sink is JSON else sink.pretty_line
        sink.log.info(event, **fields)
        look()
        sink.standard.info(event, extra=_allowed(fields))
        look()
        sink.standard.info("%s %r", event, fields)
        look()


def _allowed(fields: dict[str, Any]) -> dict[str, Any]:
    """Without the names that `logging` itself refuses."""
    taken = {*logging.makeLogRecord({}).__dict__, "message", "asctime"}
    return {key: value for key, value in fields.items() if key not in taken}


@pytest.mark.parametrize("name", values.odd())
def test_an_odd_value_costs_no_line(name: str) -> None:
    make = values.odd()[name]
    log_everywhere("odd", {"value": make(), "other": 1})
    # `logging` makes the text of an event, and `str` of this one has no end.
    event = "odd" if "billion" in name else make()
    log_everywhere(event, {"nested": {"value": [make()]}})


@pytest.mark.parametrize("name", values.errors())
def test_an_odd_exception_costs_no_line(name: str) -> None:
    error = values.raised(values.errors()[name]())
    count("inputs", 4)
    for sink in (JSON, PRETTY):
        look = sink.json_line if sink is JSON else sink.pretty_line
        sink.log.error("failed", exc_info=error, value=error)
        look()
        sink.standard.error("failed %s", error, exc_info=error)
        look()


@pytest.mark.parametrize("option", ["exc_info", "stack_info", "stacklevel"])
@pytest.mark.parametrize("name", values.odd())
def test_an_odd_option_costs_no_line(name: str, option: str) -> None:
    count("inputs", 2)
    for sink in (JSON, PRETTY):
        sink.log.info("odd", **{option: values.odd()[name]()})
        sink.json_line() if sink is JSON else sink.pretty_line()


@given(
    event=values.text,
    fields=st.dictionaries(
        values.keys | st.sampled_from(["self", "event", "level"]),
        values.values(),
        max_size=5,
    ),
)
@many
def test_any_call_is_one_line(event: str, fields: dict[str, Any]) -> None:
    log_everywhere(event, values.made(fields))
