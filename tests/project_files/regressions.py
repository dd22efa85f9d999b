"""What projects do with the lines, each a function: `python regressions.py NAME`."""

import asyncio
import contextlib
import io
import json
import logging
import logging.handlers
import multiprocessing
import pickle
import sys

import django

django.setup()

import structlog
from django.test import AsyncClient, Client
from structlog.processors import CallsiteParameter, CallsiteParameterAdder

from telemetry.logging import PROCESSORS, get_logger

log, plain = get_logger("shop"), logging.getLogger("shop")
client = Client(raise_request_exception=False, headers={"host": "localhost"})


def show(value):
    """Print what the test is to see besides lines."""
    print(json.dumps(value), file=sys.stderr)


def pickled():
    class Pickling(logging.Handler):
        def emit(self, record):
            pickle.dumps(record)

    logging.root.addHandler(Pickling())
    queue = multiprocessing.Queue()
    logging.root.addHandler(logging.handlers.QueueHandler(queue))
    log.info("sent", price=3)
    show(queue.get(timeout=10).price)


def masked():
    class Mask(logging.Filter):
        def filter(self, record):
            record.msg = str(record.msg).replace("ann@example.com", "***")
            record.host = "web-1"
            return True

    logging.root.handlers[0].addFilter(Mask())
    log.info("mail to ann@example.com")
    plain.info("mail to ann@example.com")


def record_factory():
    make = logging.getLogRecordFactory()

    def factory(*args, **kwargs):
        record = make(*args, **kwargs)
        record.region = "eu"
        return record

    logging.setLogRecordFactory(factory)
    log.info("one")
    plain.info("two")


def other_formatters():
    standard = set(vars(logging.makeLogRecord({})))
    names = []

    class Names(logging.Handler):
        def emit(self, record):
            names.append(sorted(set(vars(record)) - standard))

    logging.root.addHandler(Names())
    log.info("sold", price=3)
    show(names)


def standard_processors():
    PROCESSORS.extend(
        [
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            CallsiteParameterAdder({CallsiteParameter.FUNC_NAME}),
        ]
    )
    log.info("one")
    plain.info("two")


def second_formatter():
    class Marking(logging.Formatter):
        def format(self, record):
            record.mark = "x"
            record.levelname = "ODD"
            return super().format(record)

    marking = logging.FileHandler("/dev/null")
    marking.setFormatter(Marking())
    logging.root.addHandler(marking)
    log.info("one")
    plain.info("two")
    plain.addHandler(marking)
    log.info("three")


def logger_for_a_file():
    logging.getLogger("celery").setLevel("DEBUG")
    logging.getLogger("celery").debug("detail")
    log.info("seen")


def replaced_stdout():
    with contextlib.redirect_stdout(io.StringIO()) as held:
        client.get("/ok/")
    show(held.getvalue().count("request_completed"))


def refused():
    client.get("/denied/")
    client.get("/bad/")


def cancelled():
    async def ask():
        with contextlib.suppress(asyncio.CancelledError):
            await AsyncClient().get("/cancels/")

    asyncio.run(ask())


def ninja_user():
    client.get("/ninja/")


def no_secrets():
    log.info(
        "the token: field is required",
        token_count=5,
        max_token=9,
        token_type="x",
        next_page_token="n",
        has_password=False,
        cookie_consent=True,
        password_changed_at="2026",
        jwt_enabled=True,
    )


def sick():
    client.get("/ok/")
    client.get("/sick/")


def own_logging():
    plain.info("no")
    plain.warning("yes")
    structlog.get_logger().info("own", a=1)


def level():
    show(logging.getLevelName(logging.root.level))


def set_up_again():
    class Tool(logging.Handler):
        def emit(self, record):
            show(record.getMessage())

    logging.root.addHandler(Tool())
    django.setup()
    log.info("once")


if __name__ == "__main__":
    globals()[sys.argv[1]]()
