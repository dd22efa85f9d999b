"""Lines of structlog and of `logging` come out alike, and once."""

import fcntl
import io
import json
import logging
import logging.handlers
import os
import queue
from contextlib import suppress
from functools import wraps
from typing import Any
from unittest.mock import patch

import structlog
from django.contrib.auth.models import User
from django.test import SimpleTestCase
from django.utils.functional import SimpleLazyObject
from django.utils.log import DEFAULT_LOGGING
from structlog.contextvars import bound_contextvars
from structlog.testing import capture_logs

from ..internals.filters import ContextFilter
from ..internals.formatters import JsonFormatter, PrettyFormatter
from ..internals.console import ConsoleHandler
from ..logging import get_logger, logging_config
from .lines import LinesTestCase, PlainFormatter, captured, environ


class LineTests(LinesTestCase):
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

    def test_number_that_json_has_not_is_null(self) -> None:
        with bound_contextvars(rate=float("inf")):
            get_logger("shop").info("odd", value=float("nan"))
        [line] = self.output.lines
        self.assertEqual((line["value"], line["rate"]), (None, None))

    def test_time_has_microseconds_even_at_a_full_second(self) -> None:
        told = {"name": "shop", "levelno": logging.INFO, "created": 1.0}
        record = logging.makeLogRecord(told)
        logging.getLogger().handle(record)
        [line] = self.output.lines
        self.assertEqual(line["timestamp"], "1970-01-01T00:00:01.000000Z")

    def test_number_is_a_secret_only_under_some_names(self) -> None:
        get_logger("shop").info(
            "login", pin=1234, token=5, spin="up", has_password=True
        )
        [line] = self.output.lines
        self.assertEqual(line["pin"], "[redacted]")
        self.assertEqual((line["token"], line["spin"]), (5, "up"))
        self.assertIs(line["has_password"], True)

    def test_models_and_querysets_are_shown_by_name(self) -> None:
        found = User.objects.filter(pk=5)
        get_logger("shop").info("odd", user=User(pk=5), found=found, all=User.objects)
        [line] = self.output.lines
        self.assertEqual(line["user"], "<User pk=5>")
        self.assertEqual(line["found"], "<QuerySet of User>")
        self.assertEqual(line["all"], "<UserManager of User>")

    def test_lazy_value_is_not_evaluated(self) -> None:
        evaluated = []
        lazy = SimpleLazyObject(lambda: evaluated.append(1))
        get_logger("shop").info("seen", never_seen_before=lazy, password=lazy)
        logging.getLogger("shop").info("seen", extra={"items": [lazy]})
        self.assertEqual(evaluated, [])
        self.assertEqual(self.output.lines[0]["password"], "[redacted]")
        self.assertEqual(len(self.output.lines), 2)

    def test_pipe_is_given_back_when_it_is_broken(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        handler = ConsoleHandler()
        handler.setFormatter(JsonFormatter())
        with (
            os.fdopen(os.dup(writing), "w") as other,
            patch("sys.stdout", other),
            patch("sys.stderr", io.StringIO()),
            patch(f"{ConsoleHandler.__module__}.fcntl.lockf") as lockf,
        ):
            handler.emit(logging.makeLogRecord({"msg": "lost"}))
            with suppress(OSError):
                other.close()
        os.close(writing)
        self.assertEqual(lockf.call_args.args[1], fcntl.LOCK_UN)

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


class ContextFilterTests(LinesTestCase):
    def test_context_is_kept_for_another_thread(self) -> None:
        records: queue.Queue[Any] = queue.Queue()
        handler = logging.handlers.QueueHandler(records)
        handler.addFilter(ContextFilter())
        with (
            patch.object(logging.root, "handlers", [handler]),
            bound_contextvars(name="ann", **{"request.id": "r-1"}),
        ):
            get_logger("shop").info("paid", price=3)
            logging.getLogger("shop").info("paid %s", 5)
        record = records.get_nowait()
        fields = json.loads(PlainFormatter().format(record))
        self.assertEqual((fields["name"], fields["price"]), ("ann", 3))
        self.assertEqual(fields["request.id"], "r-1")
        self.assertEqual(record.name, "shop")
        fields = json.loads(PlainFormatter().format(records.get_nowait()))
        self.assertEqual((fields["event"], fields["name"]), ("paid 5", "ann"))


class PrettyTests(SimpleTestCase):
    def pretty(self, event: str, **fields: Any) -> str:
        with captured(PrettyFormatter()) as output:
            get_logger("shop").info(event, **fields)
        return output.text

    def test_traceback_follows_indented(self) -> None:
        text = self.pretty("failed", exc_info=ValueError("a\n2024-01-01 b"))
        first, *rest = text.splitlines()
        self.assertIn(" failed  [shop] ", first)
        for row in rest:
            self.assertTrue(row.startswith("    "))


class ConfigurationTests(LinesTestCase):
    def test_dictionary_can_be_extended(self) -> None:
        config = logging_config("WARNING", "json")
        self.assertEqual(config["root"]["handlers"], ["stdout"])
        self.assertEqual(config["root"]["level"], "WARNING")
        self.assertEqual(config["loggers"]["django"]["level"], "WARNING")
        self.assertIn("pretty", config["formatters"])

    def test_switched_off_logging_is_that_of_django(self) -> None:
        with environ(TELEMETRY_ENABLED="false"):
            config = logging_config()
        django = DEFAULT_LOGGING["loggers"]["django"]
        self.assertEqual(config["loggers"]["django"], django)
        self.assertEqual(config["root"], {"handlers": []})
        # What a project adds, by the README, is its own.
        config["handlers"]["file"] = {"formatter": "json"}
        config["root"]["handlers"].append("file")
        self.assertIn("json", config["formatters"])
        self.assertNotIn("file", DEFAULT_LOGGING["handlers"])


class ProcessorTests(LinesTestCase):
    def test_processors_see_every_line_with_its_context(self) -> None:
        def without_labels(_: Any, __: str, fields: Any) -> Any:
            del fields["labels"]
            return fields

        handler = logging.root.handlers[0]
        formatter = JsonFormatter([without_labels])
        with (
            patch.object(handler, "formatter", formatter),
            bound_contextvars(labels=["team"], place="here"),
        ):
            get_logger("shop").info("one")
            logging.getLogger("shop").info("two")
        for line in self.output.lines:
            self.assertNotIn("labels", line)
            self.assertEqual(line["place"], "here")

    def test_line_can_be_dropped(self) -> None:
        def drop(*_: Any) -> Any:
            raise structlog.DropEvent

        handler = ConsoleHandler()
        handler.setFormatter(JsonFormatter([drop]))
        with patch("sys.stdout", io.StringIO()) as stream:
            handler.emit(logging.makeLogRecord({"msg": "gone"}))
        self.assertEqual(stream.getvalue(), "")

    def test_drop_is_not_raised_by_handlers_of_logging(self) -> None:
        def drop(*_: Any) -> Any:
            raise structlog.DropEvent

        with captured(JsonFormatter([drop])) as output:
            logging.getLogger("shop").info("gone")
        self.assertEqual(output.text.strip(), "")


class RecordTests(LinesTestCase):
    def test_names_of_a_record_and_of_the_head_are_kept_beside_it(self) -> None:
        with bound_contextvars(place="here", level="odd"):
            log = get_logger("shop.names", till=1)
            log.warning("sold", name="Ann", name_="Bob", logger="x", event="y", self=1)
        [line] = self.output.lines
        self.assertEqual((line["name"], line["name_"]), ("Ann", "Bob"))
        self.assertEqual((line["level"], line["level_"]), ("warning", "odd"))
        self.assertEqual((line["logger"], line["logger_"]), ("shop.names", "x"))
        self.assertEqual((line["event"], line["event_"]), ("sold", "y"))
        self.assertEqual((line["self"], line["till"]), (1, 1))

    def test_method_that_a_tool_has_replaced_is_called(self) -> None:
        handler = ConsoleHandler()
        handler.setFormatter(JsonFormatter())
        for name in ("makeRecord", "handle", "callHandlers"):
            original, calls = getattr(logging.Logger, name), []

            @wraps(original)
            def replaced(*args: Any, **kwargs: Any) -> Any:
                calls.append(args)  # noqa: B023
                return original(*args, **kwargs)  # noqa: B023

            with (
                self.subTest(name),
                patch.object(logging.root, "handlers", [handler]),
                patch.object(logging.Logger, name, replaced),
                patch("sys.stdout", io.StringIO()) as stream,
            ):
                get_logger("shop.direct").warning("sold")
                self.assertEqual(len(calls), 1)
                self.assertEqual(stream.getvalue().count("sold"), 1)
