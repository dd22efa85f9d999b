"""Plants a secret in each place there is, and says the names of the places."""

import asyncio
import json
import logging
import sys

import django

django.setup()

from celery import Celery  # noqa: E402
from channels.generic.websocket import AsyncJsonWebsocketConsumer  # noqa: E402
from channels.testing import WebsocketCommunicator  # noqa: E402
from django.test import Client, RequestFactory  # noqa: E402
from opentelemetry import trace  # noqa: E402
from telemetry.celery import TelemetryTask  # noqa: E402
from telemetry.context import Scope  # noqa: E402
from telemetry.logging import get_logger  # noqa: E402
from telemetry.websocket import TelemetryConsumerMixin  # noqa: E402

log = get_logger("site")
plain_log = logging.getLogger("site")
tracer = trace.get_tracer("site")
PLACES = {}


def place(plant):
    PLACES[plant.__name__] = plant
    return plant


@place
def kwargs(secret):
    log.info("said", password=secret, apiKey=secret, **{"X-Api-Key": secret})


@place
def nested(secret):
    log.info("said", user={"profile": [{"refresh_token": secret}, ({"pwd": secret},)]})


@place
def bound(secret):
    log.bind(session_key=secret).info("said")
    scope = Scope({"DB_PASSWORD": secret, "nested": {"jwt": secret}})
    log.info("said")
    scope.exit()


@place
def extra(secret):
    plain_log.info("said", extra={"secret": secret, "user": {"token": secret}})


@place
def event(secret):
    log.info(f"signing in with password={secret}")
    log.info(f"Authorization: Bearer {secret}")
    plain_log.info(f"GET https://me:{secret}@example.com/")


@place
def arguments(secret):
    plain_log.info("signing in with password=%s", secret)
    plain_log.info("body %s", {"password": secret})
    plain_log.info("body %r", [{"token": secret}])
    plain_log.info("%(user)s and %(password)s", {"user": 1, "password": secret})
    log.info("body %s", {"password": secret})


@place
def exception_text(secret):
    try:
        raise ConnectionError(f"cannot reach postgres://me:{secret}@db/shop?sslmode=on")
    except ConnectionError:
        log.exception("failed")
        plain_log.exception("failed")


@place
def exception_chain(secret):
    try:
        try:
            raise KeyError({"api_key": secret})
        except KeyError as error:
            error.add_note(f"token={secret}")
            raise ExceptionGroup("group", [ValueError(f"pwd: {secret}")]) from error
    except ExceptionGroup:
        log.exception("failed")
        plain_log.exception("failed")


@place
def headers(secret):
    sent = {"Authorization": f"Bearer {secret}", "Cookie": f"sessionid={secret}"}
    log.info("calling", headers=sent, text=f"Authorization: Bearer {secret}")
    log.info("calling", headers=list(sent.items()))
    raw = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
    log.info("called", headers=raw, scope={"type": "http", "headers": raw})
    plain_log.info("called %s", raw, extra={"headers": raw})


@place
def request_object(secret):
    request = RequestFactory().get(
        f"/?token={secret}",
        headers={"authorization": f"Bearer {secret}", "cookie": f"sessionid={secret}"},
    )
    log.info("asked", request=request, meta=request.META, get=request.GET)
    log.info("asked", url=request.build_absolute_uri(), path=request.get_full_path())
    log.info("asked", cookies=request.COOKIES, headers=request.headers)
    plain_log.info("asked %s %r", request, request, extra={"request": request})


@place
def connection_texts(secret):
    log.info("connecting", url=f"redis://:{secret}@cache:6379/0")
    log.info("connecting", dsn=f"host=db user=me password={secret} dbname=shop")
    log.info("connecting", odbc=f"Server=db;Uid=me;Pwd={secret};")
    log.info("connecting", urls=[f"amqp://me:{secret}@mq//"], nested={"u": {secret: 1}.__class__})
    log.info("connecting", databases={"default": {"USER": "me", "PASSWORD": secret}})


@place
def query_strings(secret):
    log.info("fetching", url=f"https://example.com/a?page=2&access_token={secret}#x")
    plain_log.info("HTTP Request: GET https://example.com/?api_key=%s", secret)
    log.info("fetching", params={"token": secret}, body=f"user=me&password={secret}")


@place
def texts_of_json(secret):
    log.info("received", body=json.dumps({"password": secret}))
    log.info("received", body=json.dumps({"password": secret}, separators=(",", ":")))
    log.info("received", body=json.dumps({"password": secret}).encode())
    log.info("received", body=json.dumps({"inner": json.dumps({"token": secret})}))


@place
def long_texts(secret):
    """The cut falls anywhere, between a secret and its name as well."""
    for before in (4990, 9990, 19_980, 32_760, 65_520):
        for shift in range(0, 30, 3):
            text = "x" * (before + shift) + f" password={secret} " + "y" * 90_000
            log.info("long", text=text)
            plain_log.info(text)


@place
def objects(secret):
    class Settings:
        def __repr__(self):
            return f"Settings(debug=True, api_key='{secret}', url='a://me:{secret}@b')"

    log.info("said", settings=Settings(), nested=[Settings()])
    plain_log.info("said %r", Settings())


@place
def request_over_http(secret):
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = secret
    query = {"token": secret, "q": secret}
    sent = {"authorization": f"Bearer {secret}", "x-api-key": secret}
    for path in ("/ok/", "/fail/", "/nowhere/", "/stream/"):
        b"".join(client.get(path, query, headers=sent))
        b"".join(client.post(path, {"password": secret}, headers=sent))


@place
def error_over_http(secret):
    sent = {"x-sent": f"https://me:{secret}@example.com/?token={secret}"}
    Client(raise_request_exception=False).get("/quote/", headers=sent)


class Echo(TelemetryConsumerMixin, AsyncJsonWebsocketConsumer):
    async def receive_json(self, content):
        self.telemetry_receive(content)
        await self.send_json(content)
        if "fail" in content:
            raise ValueError(f"token={content['token']}")


@place
def socket_payloads(secret):
    async def talk():
        path = f"/ws/teams/1/?token={secret}"
        sent = [(b"authorization", secret.encode()), (b"cookie", secret.encode())]
        for reason in ("left", "fail"):
            socket = WebsocketCommunicator(Echo.as_asgi(), path, headers=sent)
            await socket.connect()
            await socket.send_json_to({"token": secret, "text": secret, reason: 1})
            await socket.receive_json_from()
            try:
                await socket.disconnect(4000)
            except ValueError:
                pass

    asyncio.run(talk())


app = Celery("site", task_cls=TelemetryTask, broker="memory://", set_as_current=False)


@app.task(bind=True, max_retries=1)
def work(self, *args, **kwargs):
    if kwargs.get("retry") and not self.request.retries:
        raise self.retry(exc=ValueError(f"password={args[0]}"), countdown=0)
    if kwargs.get("fail"):
        raise ValueError(f"no way to https://me:{args[0]}@example.com/")
    return args[0]


@place
def task_arguments(secret):
    for options in ({}, {"retry": 1}, {"fail": 1}):
        work.apply((secret, [secret]), {"token": secret, "text": secret, **options})
    work.apply_async((secret,), {"text": secret})


@place
def spans(secret):
    try:
        with tracer.start_as_current_span("work") as span:
            span.set_attribute("password", secret)
            span.set_attribute("http.url", f"https://me:{secret}@example.com/?q={secret}")
            span.set_attribute("db.statement", f"connect password={secret}")
            span.set_attribute("headers", [f"Authorization: Bearer {secret}"])
            span.add_event("seen", {"token": secret, "text": f"token={secret}"})
            log.info("inside", token=secret)
            raise ValueError(f"api_key={secret} of https://me:{secret}@example.com/")
    except ValueError:
        pass


if __name__ == "__main__":
    for name, plant in PLACES.items():
        plant(f"planted-{name}")
    trace.get_tracer_provider().force_flush()
    print(json.dumps(sorted(PLACES)), file=sys.stderr)
