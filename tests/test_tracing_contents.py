"""What spans and records carry, whatever an application puts into them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .support import Project, json_lines
from .support.otlp import Item, Receiver

URLS = """
import asyncio, time
from django.http import HttpResponse, JsonResponse
from django.urls import path
from opentelemetry import baggage, propagate
from structlog.contextvars import bind_contextvars

class Empty(Exception):
    def __len__(self): return 0

class Mute(Exception):
    def __str__(self): raise RuntimeError("no text")

ODD = {
    "surrogate": ValueError("bad \\ud800 text"),
    "empty": Empty("nothing in it"),
    "mute": Mute(),
    "huge": ValueError("x" * 1_000_000),
    "null": ValueError("a\\x00b"),
}

def odd(request, kind):
    raise ODD[kind]

def fine(request):
    bind_contextvars(league="north")
    return HttpResponse()

def refused(request):
    return HttpResponse(status=503)

def slow(request):
    bind_contextvars(league="north")
    time.sleep(1)
    return HttpResponse()

async def aslow(request):
    await asyncio.sleep(1)
    return HttpResponse()

def carried(request):
    outgoing = {}
    propagate.inject(outgoing)
    return JsonResponse({"here": dict(baggage.get_all()), "sent": outgoing})

urlpatterns = [
    path("odd/<str:kind>/", odd),
    path("fine/", fine),
    path("refused/", refused),
    path("slow/", slow),
    path("aslow/", aslow),
    path("carried/", carried),
]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("contents") / "shop",
        otel_exporter="otlp-http",
        resource_labels="team",
    )
    project.write("config/urls.py", URLS)
    project.configure(ALLOWED_HOSTS=["testserver"], DEBUG=False)
    project.environ |= {"OTEL_ENABLED": "true", "OTEL_LOGS_EXPORTER": "otlp"}
    return project


@pytest.fixture
def receiver(project: Project) -> Iterator[Receiver]:
    with Receiver() as receiver:
        receiver.receive_from(project)
        yield receiver


def run(project: Project, code: str, **environ: str) -> list[dict[str, Any]]:
    """Run `code` in the project, with a test client as `client`; return the lines."""
    start = (
        "import django; django.setup()\n"
        "import structlog, logging\n"
        "from django.test import Client\n"
        "client = Client(raise_request_exception=False)\n"
    )
    done = project.run("python", "-c", start + code, check=True, **environ)
    return json_lines(done.stdout)


def spans_by_path(receiver: Receiver) -> dict[str, Item]:
    return {span.name.removeprefix("GET "): span for span in receiver.spans}


def test_odd_exceptions_lose_no_span(project: Project, receiver: Receiver) -> None:
    lines = run(
        project,
        "from config.urls import ODD\n"
        "for kind in ODD: client.get(f'/odd/{kind}/')\n"
        "client.get('/fine/')\n",
        OTEL_TRACES_SAMPLER_ARG="1",
    )
    assert len(lines) == len(receiver.spans) == 6
    odd = [span for span in receiver.spans if span.name != "GET /fine/"]
    texts = [span.status.message for span in odd]
    assert texts[0] == "bad \\ud800 text"
    assert texts[1] == "nothing in it"
    assert len(texts[3]) < 25_000
    for span in odd:
        assert span.status.code == span.status.STATUS_CODE_ERROR
        assert [event.name for event in span.events] == ["exception"]
        assert span.attributes["error.type"].startswith(("ValueError", "config.urls"))


def test_odd_fields_lose_no_record(project: Project, receiver: Receiver) -> None:
    """A field that is called as an id of the trace stays a field."""
    lines = run(
        project,
        "import datetime, decimal, uuid\n"
        "log = structlog.get_logger('shop')\n"
        "class Day(datetime.date): pass\n"
        "for number, value in enumerate([\n"
        "    '\\ud800', 2**70, float('nan'), None, b'\\xff', Day(2024, 1, 2),\n"
        "    datetime.datetime.now(datetime.UTC), decimal.Decimal('1.5'),\n"
        "    {1: 2}, {'\\ud800': 1}, [1, 'a', None, {'b': [2]}], {1, 2}, uuid.uuid4(),\n"
        "]):\n"
        "    log.info('odd', number=number, value=value, **{'\\ud800': 1})\n"
        "log.info('ids', trace_id='f' * 40, span_id='x')\n"
        "log.info('valid', trace_id='ab' * 16, span_id='cd' * 8)\n"
        "log.info('numbers', trace_id=5, span_id=None)\n"
        "logging.getLogger('shop').info('A %s.', 'sentence')\n",
    )
    assert len(lines) == len(receiver.records) == 17
    numbers = {record.attributes.get("number") for record in receiver.records}
    assert numbers == {*range(13), None}
    records = {record.body: record for record in receiver.records}
    for body, value in (("ids", "f" * 40), ("valid", "ab" * 16), ("numbers", 5)):
        assert records[body].attributes["trace_id"] == value
        assert records[body].trace_id == ""
    assert records["ids"].event_name == "ids"
    assert records["A sentence."].event_name == ""


def test_baggage_arrives_and_travels_on(project: Project, receiver: Receiver) -> None:
    traceparent = f"00-{'ab' * 16}-{'cd' * 8}-01"
    done = project.run(
        "python",
        "-c",
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "from opentelemetry import baggage\n"
        "answer = Client().get('/carried/', headers={\n"
        f"    'baggage': 'tenant=acme', 'traceparent': {traceparent!r}}})\n"
        "print(answer.content.decode())\n"
        "print(dict(baggage.get_all()))\n",
        LOG_LEVEL="ERROR",
    )
    answer, after = done.stdout.splitlines()
    carried = json.loads(answer)
    [span] = receiver.spans
    assert carried["here"] == {"tenant": "acme"}
    assert carried["sent"]["baggage"] == "tenant=acme"
    assert carried["sent"]["traceparent"] == f"00-{'ab' * 16}-{span.span_id}-01"
    assert after == "{}"


def test_records_have_the_level_of_lines(project: Project, receiver: Receiver) -> None:
    """A project's own handler may want more than our lines have."""
    lines = run(
        project,
        "logging.getLogger('shop').setLevel(logging.DEBUG)\n"
        "structlog.get_logger('shop').debug('detail')\n"
        "structlog.get_logger('shop').info('sold')\n",
        LOG_LEVEL="INFO",
    )
    assert [line["event"] for line in lines] == ["sold"]
    assert [record.body for record in receiver.records] == ["sold"]


ASK = """
for path in ("fine", "odd/empty", "refused", "slow"):
    client.get(f"/{path}/", headers={"X-Request-ID": path})
"""


def test_failed_and_slow_requests_are_exported_though_not_sampled(
    project: Project, receiver: Receiver
) -> None:
    """They have the ids and the fields of their lines."""
    lines = run(project, ASK, OTEL_TRACES_SAMPLER_ARG="0", TELEMETRY_SLOW_MS="1000")
    by_id = {line["request.id"]: line for line in lines}
    spans = spans_by_path(receiver)
    assert spans.keys() == {"/odd/<str:kind>/", "/refused/", "/slow/"}
    failed, refused, slow = spans.values()
    for span, reason in ((failed, "error"), (refused, "error"), (slow, "slow")):
        line = by_id[span.attributes["request.id"]]
        assert (span.trace_id, span.span_id) == (line["trace_id"], line["span_id"])
        assert span.attributes["sampling.reason"] == reason
        assert span.kind == span.SPAN_KIND_SERVER
    assert slow.attributes["league"] == "north"
    assert slow.end_time_unix_nano - slow.start_time_unix_nano >= 1_000_000_000
    assert slow.status.code == slow.status.STATUS_CODE_UNSET
    assert failed.attributes["error.type"] == "config.urls.Empty"
    assert failed.attributes["error.at"].startswith("config/urls.py:")
    assert "Traceback" in str(failed.events)
    assert refused.attributes["error.type"] == "503"
    assert refused.status.code == refused.status.STATUS_CODE_ERROR
    assert {line["trace_sampled"] for line in lines} == {False}


def test_an_unsampled_parent_and_async(project: Project, receiver: Receiver) -> None:
    """The client's decision is for its trace; its trace has what went wrong here."""
    project.run(
        "python",
        "-c",
        "import asyncio, django; django.setup()\n"
        "from django.test import AsyncClient\n"
        "async def ask():\n"
        "    for path in ('/fine/', '/aslow/'):\n"
        "        await AsyncClient().get(path, headers={'traceparent': "
        f"'00-{'ab' * 16}-{'cd' * 8}-00'}})\n"
        "asyncio.run(ask())\n",
        OTEL_TRACES_SAMPLER_ARG="1",
        TELEMETRY_SLOW_MS="1000",
    )
    [span] = receiver.spans
    assert span.name == "GET /aslow/"
    assert (span.trace_id, span.parent_span_id) == ("ab" * 16, "cd" * 8)


def test_slow_requests_need_not_be_exported(
    project: Project, receiver: Receiver
) -> None:
    run(project, ASK, OTEL_TRACES_SAMPLER_ARG="0", TELEMETRY_SLOW_MS="0")
    assert spans_by_path(receiver).keys() == {"/odd/<str:kind>/", "/refused/"}


def test_sampled_lines_do_not_say_so(project: Project, receiver: Receiver) -> None:
    lines = run(project, ASK, OTEL_TRACES_SAMPLER_ARG="1")
    assert len(receiver.spans) == 4
    assert not [span for span in receiver.spans if "sampling.reason" in span.attributes]
    assert not [line for line in lines if "trace_sampled" in line]


@pytest.mark.parametrize(
    ("debug", "exporter", "exported"),
    [("True", "otlp", 30), ("False", "console", 30), ("False", "otlp", 15)],
)
def test_whoever_tries_it_out_sees_each_span(
    project: Project, receiver: Receiver, debug: str, exporter: str, exported: int
) -> None:
    """With DEBUG or the console the default ratio is 1.0, else 0.1."""
    settings = project.settings.read_text()
    project.write("config/settings.py", f"{settings}\nDEBUG = {debug}\n")
    try:
        done = project.run(
            "python",
            "-c",
            "import django; django.setup()\n"
            "from django.test import Client\n"
            "for _ in range(30): Client().get('/fine/')\n",
            OTEL_TRACES_EXPORTER=exporter,
            LOG_FORMAT="json",
        )
    finally:
        project.write("config/settings.py", settings)
    seen = len(receiver.spans) + done.stderr.count('{"name": "GET /fine/"')
    assert seen == exported if exported == 30 else seen < exported


MASKED = """
    import hashlib
    return {"user.id": hashlib.sha256(str(user_id).encode()).hexdigest()[:8]}
"""


def test_a_user_who_is_masked_in_fields_is_masked_in_spans(
    project: Project, receiver: Receiver
) -> None:
    """`user_fields` decides once for lines and spans."""
    before = (project.folder / "telemetry/fields.py").read_text()
    project.edit("telemetry/fields.py", '    return {"user.id": user_id}\n', MASKED[1:])
    try:
        project.manage("migrate", LOG_LEVEL="ERROR")
        lines = run(
            project,
            "from django.contrib.auth.models import User\n"
            "user, _ = User.objects.get_or_create(pk=4711, username='jane')\n"
            "client.force_login(user)\n"
            "client.get('/fine/')\n"
            "client.get('/refused/')\n",
            OTEL_TRACES_SAMPLER_ARG="1",
        )
    finally:
        project.write("telemetry/fields.py", before)
    users = {span.attributes["user.id"] for span in receiver.spans}
    assert users == {line["user.id"] for line in lines}
    assert "4711" not in f"{receiver.spans}{receiver.records}"


def test_records_keep_their_body_under_other_names(
    project: Project, receiver: Receiver
) -> None:
    before = (project.folder / "telemetry/fields.py").read_text()
    project.edit(
        "telemetry/fields.py",
        "NAMES: dict[str, str] = {\n",
        'NAMES: dict[str, str] = {\n    "event": "msg",\n    "price": "amount",\n',
    )
    try:
        [line] = run(project, "structlog.get_logger('shop').info('sold', price=3)")
    finally:
        project.write("telemetry/fields.py", before)
    [record] = receiver.records
    assert (line["msg"], line["amount"]) == ("sold", 3)
    assert record.body == "sold"
    assert record.attributes == {"amount": 3}


def test_a_processor_may_rename_the_event(project: Project, receiver: Receiver) -> None:
    before = (project.folder / "telemetry/logging.py").read_text()
    project.edit(
        "telemetry/logging.py",
        "    # Add your own below this line.\n]",
        "    # Add your own below this line.\n"
        "    structlog.processors.EventRenamer('msg'),\n]",
    )
    try:
        [line] = run(project, "structlog.get_logger('shop').info('sold')")
    finally:
        project.write("telemetry/logging.py", before)
    [record] = receiver.records
    assert line["msg"] == record.attributes["msg"] == "sold"
