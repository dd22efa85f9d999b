"""Lines of structlog and of `logging` come out alike, and once."""

import io
import logging
import logging.config
import os
from contextlib import suppress
from decimal import Decimal
from typing import Any, TextIO
from unittest import skipUnless
from unittest.mock import patch

import structlog
from django.test import SimpleTestCase
from structlog.contextvars import bound_contextvars
from structlog.testing import capture_logs

from .. import pipes
from ..formatters import PrettyFormatter
from ..handlers import StdoutHandler
from ..logging import get_logger, logging_config
from ..pipes import is_writable
from .lines import LinesTestCase, captured


class LineTests(LinesTestCase):
    def test_structlog_and_logging_come_out_alike(self) -> None:
        with bound_contextvars(place="here"):
            get_logger("shop").info("sold", price=3)
            structlog.get_logger("shop").info("sold", price=3)
            logging.getLogger("shop").info("sold", extra={"price": 3})
        lines = self.output.lines
        for line in lines:
            del line["timestamp"]
        expected = {
            "level": "info",
            "logger": "shop",
            "event": "sold",
            "price": 3,
            "place": "here",
        }
        self.assertEqual(lines, [expected] * 3)
        self.assertEqual([list(line) for line in lines], [list(expected)] * 3)

    def test_exception_is_a_traceback_with_type_and_message(self) -> None:
        try:
            raise KeyError("missing")
        except KeyError:
            get_logger("shop").exception("failed")
            logging.getLogger("shop").exception("failed")
        for line in self.output.lines:
            self.assertEqual(line["level"], "error")
            self.assertEqual(line["error.type"], "KeyError")
            self.assertEqual(line["error.message"], "'missing'")
            self.assertTrue(line["exception"].startswith("Traceback (most"))

    def test_own_field_wins_over_context_and_not_over_the_head(self) -> None:
        with bound_contextvars(place="here"):
            get_logger("shop").info("sold", place="there", level=5)
        [line] = self.output.lines
        self.assertEqual(line["place"], "there")
        self.assertEqual(line["level"], "info")
        self.assertEqual(line["level_"], 5)

    def test_bound_fields_and_arguments(self) -> None:
        log = get_logger("shop", till=1).bind(clerk="Ann")
        log.warning("sold %d of %s", 3, "pears")
        [line] = self.output.lines
        self.assertEqual(line["event"], "sold 3 of pears")
        self.assertEqual((line["till"], line["clerk"]), (1, "Ann"))

    def test_level_is_respected(self) -> None:
        get_logger("shop").debug("quiet")
        logging.getLogger("shop").debug("quiet")
        self.assertEqual(self.output.lines, [])

    def test_anything_can_be_logged(self) -> None:
        class Broken:
            def __repr__(self) -> str:
                raise RuntimeError("no repr")

        class Unhashable(type):
            def __eq__(cls, other: object) -> bool:
                return True

        class Odd(metaclass=Unhashable):
            pass

        cycle: list[Any] = []
        cycle.append(cycle)
        for value in [
            Broken(),
            Odd(),
            cycle,
            float("nan"),
            10**5000,
            b"\xff",
            "\ud800",
            {1: {2, 3}},
            Decimal("1.50"),
            "x" * 1_000_000,
        ]:
            with self.subTest(kind=type(value)):
                before = len(self.output.lines)
                get_logger("shop").info("odd", value=value)
                logging.getLogger("shop").info("odd", extra={"value": value})
                self.assertEqual(len(self.output.lines), before + 2)
                self.assertLess(len(self.output.text.splitlines()[-1]), 65536)

    def test_number_that_json_has_not_is_written_as_text(self) -> None:
        with bound_contextvars(rate=float("inf")):
            get_logger("shop").info("odd", value=float("nan"), gone=None)
        [line] = self.output.lines
        self.assertEqual((line["value"], line["rate"]), ("nan", "inf"))
        self.assertIsNone(line["gone"])

    def test_time_has_microseconds_even_at_a_full_second(self) -> None:
        told = {"name": "shop", "levelno": logging.INFO, "created": 1.0}
        record = logging.makeLogRecord(told)
        logging.getLogger().handle(record)
        [line] = self.output.lines
        self.assertEqual(line["timestamp"], "1970-01-01T00:00:01.000001Z")

    def test_time_is_written_alike_in_an_odd_line(self) -> None:
        get_logger("shop").info("odd", value="\ud800")
        [line] = self.output.lines
        self.assertTrue(line["timestamp"].endswith("Z"))

    def test_secrets_are_hidden(self) -> None:
        get_logger("shop").info(
            "login",
            password="hunter2",
            nested=[{"apiKey": "hunter2", "tokens_used": 5}],
            url="https://ann:hunter2@example.org/",
        )
        self.assertNotIn("hunter2", self.output.text)
        [line] = self.output.lines
        self.assertEqual(line["password"], "[redacted]")
        expected = [{"apiKey": "[redacted]", "tokens_used": 5}]
        self.assertEqual(line["nested"], expected)

    def test_secrets_in_an_exception_are_hidden(self) -> None:
        try:
            raise ValueError("token='hunter2' at db://ann:hunter2@host/")
        except ValueError:
            get_logger("shop").exception("failed")
        [line] = self.output.lines
        self.assertNotIn("hunter2", line["error.message"])

    def test_other_handlers_see_each_line_with_its_exception(self) -> None:
        stream = io.StringIO()
        other = logging.StreamHandler(stream)
        other.setFormatter(logging.Formatter("%(funcName)s %(message)s"))
        logging.getLogger().addHandler(other)
        try:
            raise KeyError("missing")
        except KeyError:
            get_logger("shop").exception("failed", price=3)
        name = self._testMethodName
        self.assertTrue(stream.getvalue().startswith(f"{name} failed\nTrace"))
        self.assertEqual(len(self.output.lines), 1)

    def test_tool_that_replaces_a_method_of_loggers_sees_lines(self) -> None:
        seen = []
        original = logging.Logger.callHandlers

        def watched(self: logging.Logger, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())
            original(self, record)

        with patch.object(logging.Logger, "callHandlers", watched):
            get_logger("shop").info("sold")
        self.assertEqual(seen, ["sold"])
        self.assertEqual(len(self.output.lines), 1)

    def test_capture_logs_of_structlog_works(self) -> None:
        with capture_logs() as logs:
            get_logger("shop").info("sold", price=3)
        expected = {"event": "sold", "price": 3, "log_level": "info"}
        self.assertEqual(logs, [expected])


class PrettyTests(SimpleTestCase):
    def pretty(self, event: str, **fields: Any) -> str:
        with captured(PrettyFormatter()) as output:
            get_logger("shop").info(event, **fields)
        return output.text

    def test_line_is_the_specified_one(self) -> None:
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

    def test_traceback_follows_indented(self) -> None:
        text = self.pretty("failed", exc_info=ValueError("a\n2024-01-01 b"))
        first, *rest = text.splitlines()
        self.assertIn(" failed  [shop] ", first)
        for row in rest:
            self.assertTrue(row.startswith("    "))


class ConfigurationTests(SimpleTestCase):
    def test_dictionary_can_be_extended(self) -> None:
        config = logging_config("WARNING", "json")
        self.assertEqual(config["root"]["handlers"], ["stdout"])
        self.assertEqual(config["root"]["level"], "WARNING")
        self.assertEqual(config["loggers"]["django"]["level"], "WARNING")
        self.assertIn("pretty", config["formatters"])

    def test_switched_off_the_root_logger_has_no_handler(self) -> None:
        with patch.dict("os.environ", TELEMETRY_ENABLED="false"):
            config = logging_config()
        self.assertEqual(config["root"]["handlers"], [])
        self.assertEqual(config["loggers"], {})

    @skipUnless(hasattr(os, "openpty"), "This system has no terminals.")
    def test_line_waits_for_a_terminal_that_does_not_block(self) -> None:
        screen, terminal = os.openpty()
        os.set_blocking(terminal, False)
        handler = StdoutHandler(open(terminal, "w"))
        with suppress(BlockingIOError):
            while True:
                os.write(terminal, b"x" * 1024)

        def read(file: io.FileIO, seconds: float) -> bool:
            os.read(screen, 65536)
            return is_writable(file, seconds)

        with patch.object(pipes, "is_writable", read):
            handler.write(b"line\n")
        self.assertEqual(handler.dropped, 0)
        handler.stream.close()
        os.close(screen)

    def test_closed_stream_is_no_error(self) -> None:
        streams: list[TextIO] = [io.StringIO(), open(os.devnull, "w")]
        for stream in streams:
            handler = StdoutHandler(stream)
            stream.close()
            handler.write(b"line\n")
            self.assertEqual(handler.dropped, 1)

    def test_stream_that_wraps_another_gets_the_line(self) -> None:
        class Copying(io.StringIO):
            def fileno(self) -> int:
                return 1

        stream = Copying()
        StdoutHandler(stream).write(b"line\n")
        self.assertEqual(stream.getvalue(), "line\n")
