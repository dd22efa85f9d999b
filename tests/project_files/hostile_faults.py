"""Does harm to a process of its own, asks for pages meanwhile, and reports.

    python hostile_faults.py NAME

The report goes to stderr as JSON, which must else stay empty; the lines that
were logged, to stdout.
"""

import asyncio
import atexit
import io
import json
import logging
import os
import resource
import select
import signal
import sys
import threading
import time
import warnings
from collections import Counter

import django

django.setup()

from django.test import AsyncClient, Client  # noqa: E402
from telemetry.internals.console import ConsoleHandler  # noqa: E402
from telemetry.internals.formatters import JsonFormatter  # noqa: E402
from telemetry.logging import PROCESSORS, get_logger  # noqa: E402

log = get_logger("faults")
plain_log = logging.getLogger("faults")
handler = next(h for h in logging.root.handlers if isinstance(h, ConsoleHandler))
client = Client(raise_request_exception=False)
report = {"answered": 0, "faults": 0}


def ask(path="/ok/", status=200, **headers):
    """Ask for a page, which must be answered."""
    response = client.get(path, headers=headers)
    assert response.status_code == status, response.status_code
    b"".join(response)
    report["answered"] += 1


def suffer():
    """Ask for a page of each kind while the fault lasts."""
    report["faults"] += 1
    ask()
    ask("/fail/", 500)
    ask("/fail-long/", 500)
    ask("/stream/")
    ask("/nowhere/", 404)


def after():
    """What must be logged, whatever came before."""
    ask("/ok/", x_request_id="after")


def with_stdout(fd):
    """Put something else in the place of stdout while the fault lasts."""
    kept = os.dup(1)
    os.dup2(fd, 1)
    suffer()
    os.dup2(kept, 1)
    after()


def descriptor_closed():
    kept = os.dup(1)
    os.close(1)
    suffer()
    os.dup2(kept, 1)
    after()


def stream_closed():
    sys.stdout.close()
    suffer()


def stream_detached():
    sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding="utf-8")
    suffer()
    after()


def stream_missing():
    sys.stdout = None
    handler.__init__()
    handler.setFormatter(JsonFormatter())
    suffer()


def stderr_closed():
    logging.root.handlers.append(Raising())
    sys.stderr.close()
    report["faults"] += 1
    log.info("said")
    ask("/leftover/")
    ask("/leftover/", x_request_id="after")


def disk_full():
    with open("/dev/full", "w") as full:
        with_stdout(full.fileno())


def file_full():
    """Lines are cut off in their middle; the next starts on a line of its own."""
    with open("full.log", "w+b", buffering=0) as file:
        kept = os.dup(1)
        os.dup2(file.fileno(), 1)
        for size in range(900, 3000, 37):
            resource.setrlimit(resource.RLIMIT_FSIZE, (file.tell() + size, -1))
            suffer()
            resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
            ask(x_request_id=f"after-{size}")
        os.dup2(kept, 1)
        file.seek(0)
        lines = file.read().decode().splitlines()
        ids = {read["request.id"] for read in map(parsed, lines) if "request.id" in read}
        report["lost"] = sum(f"after-{size}" not in ids for size in range(900, 3000, 37))
    after()


def parsed(line):
    try:
        return json.loads(line)
    except ValueError:
        return {}


def reader_gone():
    reading, writing = os.pipe()
    os.close(reading)
    with_stdout(writing)


def encoding():
    """Run with an ASCII locale as well; a stream without a descriptor is worse."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    extra = ConsoleHandler()
    extra.pinned = stream
    extra.setFormatter(JsonFormatter())
    logging.root.addHandler(extra)
    for text in ("\u00e9\u4e2d", "\U0001f600", "\ud800"):
        log.info("text", text=text)
        plain_log.info("text %s", text)
        report["faults"] += 1
    lines = [json.loads(line) for line in stream.buffer.getvalue().splitlines()]
    assert [line.get("text") for line in lines[::2]] == [
        "\u00e9\u4e2d",
        "\U0001f600",
        "\\ud800",
    ]
    suffer()
    after()


class Raising(logging.Handler):
    def emit(self, record):
        if record.name in ("faults", "site") or record.name.startswith("telemetry"):
            raise RuntimeError("a handler of the project's own")

    def handle(self, record):
        self.emit(record)


def handler_raises():
    """First or last; `logging` itself lets it through to whoever used `logging`."""
    for raise_exceptions in (True, False):
        logging.raiseExceptions = raise_exceptions
        for position in (0, len(logging.root.handlers)):
            raising = Raising()
            logging.root.handlers.insert(position, raising)
            sys.stderr = io.StringIO()
            log.info("first", raising=True)
            ask("/leftover/")
            ask("/leftover/", x_request_id="handled")
            report["faults"] += 1
            assert bool(sys.stderr.getvalue()) is raise_exceptions
            sys.stderr = sys.__stderr__
            logging.root.removeHandler(raising)
    after()


def filter_raises():
    def refuse(record):
        raise RuntimeError("a filter of the project's own")

    logging.raiseExceptions = False
    logging.getLogger("telemetry.middleware").addFilter(refuse)
    suffer()
    logging.getLogger("telemetry.middleware").removeFilter(refuse)
    after()


def processor_raises():
    def refuse(logger, name, event_dict):
        raise RuntimeError("a processor of the project's own")

    PROCESSORS.append(refuse)
    log.info("processed", password="planted", mail="planted")
    suffer()
    PROCESSORS.remove(refuse)
    after()


def repr_logs():
    class Talks:
        def __repr__(self):
            log.info("inside", value=self)
            plain_log.info("inside", extra={"value": self})
            return "<Talks>"

    log.info("outside", value=Talks(), nested=[Talks()])
    plain_log.info("outside %s", 1, extra={"value": Talks()})
    log.info("outside %r %s", Talks(), Talks())
    plain_log.info("outside %s %r", Talks(), Talks())
    suffer()
    after()


def every_moment():
    """At each step of the package's own code something logs, as a signal might."""
    package = os.path.dirname(sys.modules["telemetry"].__file__) + os.sep
    said = 0

    def trace(frame, event, argument):
        # What is called from here is not traced.
        nonlocal said
        if not frame.f_code.co_filename.startswith(package):
            return None
        frame.f_trace_opcodes = True
        said += 1
        log.info("moment", number=said)
        plain_log.info("moment plainly")
        return trace

    async def ask_async():
        response = await AsyncClient(raise_request_exception=False).get("/ok/")
        assert response.status_code == 200

    sys.settrace(trace)
    suffer()
    asyncio.run(ask_async())
    log.info("traced", nested=[{"long": "x" * 5000}], odd=object())
    plain_log.info("traced %s", 1, extra={"odd": object()})
    sys.settrace(None)
    report["moments"] = said
    after()


def shutdown():
    """The last words: of a thread, of `atexit`, of objects that go with their module."""

    class Last:
        def __del__(self):
            log.info("last", value=[1])
            plain_log.info("last plainly")

    sys.modules["kept"] = Last()
    atexit.register(lambda: log.info("at exit"))
    atexit.register(lambda: plain_log.info("at exit plainly"))

    def talk():
        while True:
            log.info("daemon")
            time.sleep(0.0005)

    threading.Thread(target=talk, daemon=True).start()
    suffer()
    after()


def memory():
    """Views ask for more than there is, while little is left for their lines."""
    text = "x" * 100_000
    for spare in (4_000_000, 8_000_000, 30_000_000):
        with open("/proc/self/statm") as statm:
            used = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + spare, -1))
        report["faults"] += 1
        ask("/greedy/", 500)
        log.info("long", text=text, nested=[{"text": text}])
        plain_log.info("long %s", text)
        ask()
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    suffer()
    after()


def stack():
    """A view at the end of its stack."""

    def deeper(depth):
        log.info("depth", depth=[depth])
        deeper(depth + 1)

    try:
        deeper(0)
    except RecursionError:
        report["faults"] += 1
        log.exception("end_of_stack")
    suffer()
    after()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    if sys.stderr.closed:
        sys.stderr = open(2, "w", closefd=False)
    print(json.dumps(report), file=sys.stderr)
