"""The recipes of the rendered README do what they promise, as they stand there."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from .support import Project, json_lines

EXTRA = ["django-ninja", "strawberry-graphql", "django-auditlog", "sentry-sdk"]
EXTRA += ["httpx", "requests"]

URLS = """
import threading
from django.contrib.auth.models import User
from django.http import HttpResponse, JsonResponse
from django.urls import path
from ninja import Schema as NinjaSchema
from ninja.errors import HttpError
from ninja.security import HttpBearer
import strawberry
from strawberry.django.views import AsyncGraphQLView, GraphQLView
from telemetry.context import increment
from telemetry.logging import get_logger
from shop.ninja import api
from shop.graphql import Schema
from shop.threads import resize_all, resize_later
from shop import outgoing, threads

log = get_logger("shop")


class Item(NinjaSchema):
    price: int

class Order(NinjaSchema):
    email: str
    items: list[Item]

class Key(HttpBearer):
    def authenticate(self, request, token):
        return None

@api.post("/orders")
def order(request, order: Order):
    return {}

@api.post("/async/orders")
async def async_order(request, order: Order):
    return {}

@api.get("/members", auth=Key())
def members(request):
    return {}

@api.get("/teapot")
def teapot(request):
    raise HttpError(418, "I am a teapot.")


@strawberry.type
class Query:
    @strawberry.field
    def pay(self, card: str) -> str:
        raise ValueError("declined")


schema = Schema(query=Query)


def resize(image):
    log.info("resized", image=image)
    increment("images")

threads.resize = resize

def images(request):
    resize_all(["a", "b", "c"])
    resize_later("d")
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    return HttpResponse()

def call(request):
    url = request.GET["url"]
    seen = [outgoing.client.get(url).text, outgoing.Session().get(url).text]
    return JsonResponse(seen, safe=False)

def saved(request):
    User.objects.create(username="ann")
    return HttpResponse()

def broken(request):
    raise ValueError("broken")

def quiet(request):
    log.info("seen")
    return HttpResponse()

def ok(request):
    return HttpResponse(status=int(request.GET.get("status", 200)))


urlpatterns = [
    path("ninja/", api.urls),
    path("graphql/", GraphQLView.as_view(schema=schema)),
    path("graphql/async/", AsyncGraphQLView.as_view(schema=schema)),
    path("images/", images),
    path("call/", call),
    path("saved/", saved),
    path("broken/", broken),
    path("healthz", ok),
    path("ok/", ok),
    path("quiet/", quiet),
]
"""
START = """
import asyncio, json, sys, time
import django
django.setup()
from django.test import AsyncClient, Client
client = Client(raise_request_exception=False, headers={"x-request-id": "r-1"})
JSON = "application/json"
"""


def blocks(readme: str, heading: str) -> list[str]:
    _, _, rest = readme.partition(f"\n### {heading}\n")
    assert rest, heading
    section = re.split(r"\n##", rest, maxsplit=1)[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("recipes") / "shop", otel_exporter="none", extra=EXTRA
    )
    readme = (project.folder / "telemetry" / "README.md").read_text()

    def recipe(heading: str) -> str:
        return "\n\n".join(blocks(readme, heading))

    project.write("shop/__init__.py", "")
    project.write("shop/ninja.py", recipe("Why django-ninja refused"))
    project.write("shop/graphql.py", recipe("What failed in GraphQL (strawberry)"))
    project.write("shop/audit.py", recipe("The request id in django-auditlog"))
    project.write("shop/threads.py", recipe("Threads and pools"))
    project.write("shop/outgoing.py", recipe("The request id on outgoing calls"))
    project.write("shop/errors.py", recipe("The request id in Sentry"))
    project.write("shop/middleware.py", recipe("The user's id in the last line only"))
    project.write("config/urls.py", URLS)

    # Two of them are edits of `fields.py`.
    sampled, rates = blocks(readme, "Some lines of a path only")
    waiting = recipe("The time that a request waited in front of the server")
    project.edit(
        "telemetry/fields.py",
        '        "duration_ms": duration_ms,\n',
        '        "duration_ms": duration_ms,\n'
        '        "queue_ms": queue_ms(request, duration_ms),\n'
        '        "sample_rate": sample_rate(request, status),\n',
    )
    project.edit("telemetry/fields.py", "    if status >= 500:\n", sampled + "\0")
    project.edit("telemetry/fields.py", "\0", "    if status >= 500:\n")
    fields = (project.folder / "telemetry" / "fields.py").read_text()
    project.write("telemetry/fields.py", f"{fields}\n\n{waiting}\n\n{rates}")

    project.edit(
        "config/settings.py", "INSTALLED_APPS = [", 'INSTALLED_APPS = [\n"auditlog",'
    )
    project.configure(
        ALLOWED_HOSTS=["testserver"],
        DEBUG=False,
        AUDITLOG_CID_GETTER="shop.audit.request_id",
        AUDITLOG_INCLUDE_ALL_MODELS=True,
    )
    project.environ["LOG_FORMAT"] = "json"
    project.manage("migrate", "--verbosity=0")
    return project


def lines(project: Project, script: str) -> list[dict[str, Any]]:
    return json_lines(project.run("python", "-c", START + script).stdout)


def completed(project: Project, script: str) -> list[dict[str, Any]]:
    found = lines(project, script)
    return [line for line in found if line["event"] == "request_completed"]


def test_the_user_id_in_the_last_line_only(project: Project) -> None:
    """The session is read after the view, in sync and in async."""
    found = lines(
        project,
        """
from django.conf import settings
from django.contrib.auth.models import User
from django.test import override_settings
user = User.objects.create_user("jane")
others = settings.MIDDLEWARE[1:]
for name in ("telemetry.middleware", "shop.middleware"):
    first = f"{name}.TelemetryMiddleware"
    with override_settings(MIDDLEWARE=[first, *others]):
        client = Client()
        client.force_login(user)
        client.get("/quiet/")
        in_async = AsyncClient()
        in_async.force_login(user)
        asyncio.run(in_async.get("/quiet/"))
""",
    )
    by_event = [(line["event"], "user.id" in line) for line in found]
    last = ("request_completed", True)
    assert by_event == [*[("seen", True), last] * 2, *[("seen", False), last] * 2]


def test_django_ninja(project: Project) -> None:
    found = completed(
        project,
        """
body = {"items": [{"price": "much"}]}
client.post("/ninja/orders", body, JSON)
client.get("/ninja/members")
client.get("/ninja/teapot")
asyncio.run(AsyncClient().post("/ninja/async/orders", body, JSON))
""",
    )
    fields = {
        "body.order.email": "missing",
        "body.order.items.0.price": "int_parsing",
    }
    invalid, denied, teapot, in_async = found
    for line in (invalid, in_async):
        assert line["http.status_code"] == 422
        assert (line["error.type"], line["error.fields"]) == ("invalid", fields)
    assert denied["http.status_code"] == 401
    assert denied["error.type"] == "AuthenticationError"
    assert denied["error.message"] == "Unauthorized"
    assert teapot["error.message"] == "I am a teapot."


def test_strawberry(project: Project) -> None:
    found = lines(
        project,
        """
for query in ('{ pay(card: "hunter2") }', '{ pin(card: "hunter2") }'):
    client.post("/graphql/", {"query": query}, JSON)
    asyncio.run(AsyncClient().post("/graphql/async/", {"query": query}, JSON))
""",
    )
    assert [line["event"] for line in found] == [
        *["resolver_failed", "request_completed"] * 2,
        *["request_completed"] * 2,
    ]
    for failed in (found[0], found[2]):
        assert failed["error.at"].endswith(" in pay")
    for line in (found[1], found[3]):
        assert line["error.type"] == "ValueError"
        assert (line["graphql.path"], line["graphql.errors"]) == ("pay", 1)
    assert {line["error.type"] for line in found[4:]} == {"GraphQLError"}
    assert "hunter2" not in str(found)


def test_queue_ms(project: Project) -> None:
    """In the ways in which proxies write it; nonsense and the future give nothing."""
    moment = time.time() - 60
    true = [f"t={moment:.3f}", f"{moment:.3f}", f"{moment * 1000:.0f}"]
    true.append(f"t={moment * 1_000_000:.0f}")
    false = [f"t={moment + 600:.3f}", "t=1000000000.000", "", "t=", "t=nan", "t=1e400"]
    false += ["9" * 400, "t=-1700000000.123", "t=١٧٠٠٠٠٠٠٠٠.١٢٣"]
    found = completed(
        project,
        f"""
for header in {true + false}:
    client.get("/ok/", headers={{"x-request-start": header}})
""",
    )
    waits: list[Any] = [line.get("queue_ms") for line in found]
    assert all(59_000 < wait < 600_000 for wait in waits[: len(true)]), waits
    assert waits[len(true) :] == [None] * len(false)
    assert not [line for line in found if "telemetry.error" in line]


def test_sampling(project: Project) -> None:
    found = lines(
        project,
        """
import random
random.seed(7)
for _ in range(200):
    client.get("/healthz")
client.get("/healthz?status=500")
client.get("/ok/")
""",
    )
    *sampled, failed, other = found
    assert 5 < len(sampled) < 50
    assert {line["sample_rate"] for line in sampled} == {10}
    assert "sample_rate" not in failed | other


def test_sentry(project: Project) -> None:
    script = """
import sentry_sdk
from sentry_sdk.transport import Transport
from unittest.mock import patch

class Memory(Transport):
    def capture_envelope(self, envelope):
        if event := envelope.get_event():
            print(json.dumps({"tags": event["tags"]}))

options = {"dsn": "http://key@127.0.0.1/1", "transport": Memory}
init = sentry_sdk.init
with patch("sentry_sdk.init", lambda **own: init(**options, **own)):
    import shop.errors
client.get("/broken/")
"""
    tags = [line["tags"] for line in lines(project, script) if "tags" in line]
    assert [each["request_id"] for each in tags] == ["r-1"]


def test_auditlog(project: Project) -> None:
    script = """
from auditlog.models import LogEntry
client.get("/saved/")
print(json.dumps({"cid": LogEntry.objects.order_by("id").last().cid}))
"""
    assert lines(project, script)[-1]["cid"] == "r-1"


def test_threads(project: Project) -> None:
    found = lines(project, 'client.get("/images/")')
    resized = [line for line in found if line["event"] == "resized"]
    assert sorted(line["image"] for line in resized) == ["a", "b", "c", "d"]
    assert {line["request.id"] for line in found} == {"r-1"}
    assert found[-1]["images"] == 4


def test_outgoing_calls(project: Project) -> None:
    script = """
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

class Echo(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers["X-Request-ID"].encode())

    def log_message(self, *args): pass

server = HTTPServer(("127.0.0.1", 0), Echo)
Thread(target=server.serve_forever, daemon=True).start()
answer = client.get("/call/", {"url": f"http://127.0.0.1:{server.server_port}/"})
print(json.dumps({"seen": answer.json()}))
server.shutdown()
"""
    assert lines(project, script)[-1]["seen"] == ["r-1", "r-1"]
