"""Lines of structlog and of `logging` come out alike, and once."""

import io
import logging
import os
from decimal import Decimal
from typing import Any

import structlog
from django.utils.log import DEFAULT_LOGGING
from structlog.contextvars import bound_contextvars
from structlog.testing import capture_logs

from ..formatters import JsonFormatter, PrettyFormatter
from ..logging import get_logger, logging_config
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
            assert list(line)[0] == "timestamp"
            assert list(line.items())[1:] == list(expected.items())
        assert len(self.output.lines) == 3

    def test_exception_is_a_traceback_with_type_and_message(self) -> None:
        try:
            raise KeyError("missing")
        except KeyError:
            log.exception("failed")
            logging.getLogger("shop").exception("failed")
        for line in self.output.lines:
            assert line["level"] == "error"
            assert line["error.type"] == "KeyError"
            assert line["error.message"] == "'missing'"
            assert line["exception"].startswith("Traceback (most")

    def test_own_field_wins_over_context_and_not_over_the_head(self) -> None:
        with bound_contextvars(place="here"):
            log.bind(clerk="Ann").info("sold %d", 3, place="there", level=5)
        [line] = self.output.lines
        assert line["event"] == "sold 3"
        assert line["place"] == "there"
        assert line["clerk"] == "Ann"
        assert (line["level"], line["level_"]) == ("info", 5)

    def test_level_is_respected(self) -> None:
        log.debug("quiet")
        logging.getLogger("shop").debug("quiet")
        assert self.output.lines == []

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
        assert len(self.output.lines) == 16

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
        assert line["password"] == "[redacted]"
        assert line["nested"] == [{"apiKey": "[redacted]", "token_count": 5}]
        assert "hunter2" not in self.output.text

    def test_other_handlers_see_each_line(self) -> None:
        stream = io.StringIO()
        other = logging.StreamHandler(stream)
        other.setFormatter(logging.Formatter("%(funcName)s %(message)s %(price)s"))
        logging.root.addHandler(other)
        log.info("sold", price=3)
        assert stream.getvalue() == f"{self._testMethodName} sold 3\n"
        assert len(self.output.lines) == 1

    def test_capture_logs_of_structlog_works(self) -> None:
        with capture_logs() as logs:
            log.info("sold", price=3)
        assert logs == [{"event": "sold", "price": 3, "log_level": "info"}]

    def test_processors_see_every_line_with_its_context(self) -> None:
        def without_labels(_: Any, __: str, fields: Any) -> Any:
            del fields["labels"]
            return fields

        with (
            captured(JsonFormatter([without_labels])) as output,
            bound_contextvars(labels=["team"], place="here"),
        ):
            log.info("one")
            logging.getLogger("shop").info("two")
        for line in output.lines:
            assert "labels" not in line
            assert line["place"] == "here"


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
        assert len(text.splitlines()) == 1
        assert text.rstrip("\n").isprintable()

    def test_traceback_follows_indented(self) -> None:
        text = self.pretty("failed", exc_info=ValueError("a\n2024-01-01 b"))
        first, *rows = text.splitlines()
        assert " failed  [shop] " in first
        assert all(row.startswith("    ") for row in rows)


class ConfigurationTests(LinesTestCase):
    def test_dictionary_can_be_extended(self) -> None:
        config = logging_config("WARNING", "json")
        assert config["root"] == {"handlers": ["stdout"], "level": "WARNING"}
        assert config["loggers"]["django"]["level"] == "WARNING"

    def test_switched_off_logging_is_that_of_django(self) -> None:
        os.environ["TELEMETRY_ENABLED"] = "false"
        assert logging_config() == DEFAULT_LOGGING
