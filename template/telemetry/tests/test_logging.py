"""Lines of structlog and of `logging` come out alike, and once."""

import io
import logging
from decimal import Decimal
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from ..internals.formatters import PrettyFormatter
from ..logging import get_logger
from .lines import LinesTestCase, captured

log = get_logger("shop")


class LineTests(LinesTestCase):
    def test_structlog_and_logging_come_out_alike(self) -> None:
        with bound_contextvars(place="here"):
            log.info("sold", price=3)
            structlog.get_logger("shop").info("sold", price=3)
            logging.getLogger("shop").info("sold", extra={"price": 3})
        expected = {
            "level": "info",
            "logger": "shop",
            "event": "sold",
            "price": 3,
            "place": "here",
        }
        for line in self.output.lines:
            self.assertEqual(list(line)[0], "timestamp")
            self.assertEqual(list(line.items())[1:], list(expected.items()))
        self.assertEqual(len(self.output.lines), 3)

    def test_exception_is_a_traceback_with_type_and_message(self) -> None:
        try:
            raise KeyError("missing")
        except KeyError:
            log.exception("failed")
            logging.getLogger("shop").exception("failed")
        for line in self.output.lines:
            self.assertEqual(line["level"], "error")
            self.assertEqual(line["error.type"], "KeyError")
            self.assertEqual(line["error.message"], "'missing'")
            self.assertTrue(line["exception"].startswith("Traceback (most"))

    def test_anything_can_be_logged(self) -> None:
        class Broken:
            def __repr__(self) -> str:
                raise RuntimeError("no repr")

        cycle: list[Any] = []
        cycle.append(cycle)
        text, number = "\ud800" + "x" * 1_000_000, 10**5000
        values = [Broken(), cycle, float("nan"), b"\xff", {1: {2}}, Decimal("1.50")]
        for value in [*values, text, number]:
            with self.subTest(kind=type(value)):
                log.info("odd", value=value)
                logging.getLogger("shop").info("odd", extra={"value": value})
        self.assertEqual(len(self.output.lines), 16)

    def test_secrets_are_hidden(self) -> None:
        try:
            raise ValueError("token='hunter2' at db://ann:hunter2@host/")
        except ValueError as error:
            log.info(
                "login",
                password="hunter2",
                nested=[{"apiKey": "hunter2", "token_count": 5}],
                reason=str(error),
            )
        [line] = self.output.lines
        self.assertEqual(line["password"], "[redacted]")
        self.assertEqual(line["nested"], [{"apiKey": "[redacted]", "token_count": 5}])
        self.assertNotIn("hunter2", self.output.text)

    def test_other_handlers_see_each_line(self) -> None:
        stream = io.StringIO()
        other = logging.StreamHandler(stream)
        other.setFormatter(logging.Formatter("%(funcName)s %(message)s %(price)s"))
        logging.root.addHandler(other)
        log.info("sold", price=3)
        self.assertEqual(stream.getvalue(), f"{self._testMethodName} sold 3\n")
        self.assertEqual(len(self.output.lines), 1)


class PrettyTests(LinesTestCase):
    def pretty(self, event: str, **fields: Any) -> str:
        with captured(PrettyFormatter()) as output:
            log.info(event, **fields)
        return output.text

    def test_line_is_for_people(self) -> None:
        text = self.pretty("sold", price=3, labels=["fruit"], to="Ann Lee")
        pattern = (
            r"\A\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[info     \] sold  \[shop\] "
            r"price=3 labels=\['fruit'\] to='Ann Lee'\n\Z"
        )
        self.assertRegex(text, pattern)

    def test_nothing_forges_a_line(self) -> None:
        text = self.pretty("a\nb", name="\x1b[2J\r\n\u2028\x85")
        self.assertEqual(len(text.splitlines()), 1)
        self.assertTrue(text.rstrip("\n").isprintable())
