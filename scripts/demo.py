"""See it work: a new project, a real copy, real servers, and the lines they write.

`make demo` runs this, in `.demo/` or in the folder that it is given. It exits
with 0 only if every line that it promises was seen: those of a request, its task
and a WebSocket with one request id.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from websockets.sync.client import connect

from tests.support import REPOSITORY, Process, Server, json_lines
from tests.support.processes import free_port

from . import picture

FOLDER = Path(sys.argv[1] if sys.argv[1:] else REPOSITORY / ".demo").absolute()
PROJECT = FOLDER / "shop"
BIN = FOLDER / "venv" / "bin"

ANSWERS = {
    "resource_labels": "order",
    "use_channels": "yes",
    "use_celery": "yes",
    "otel_exporter": "none",
}

# What a team would write: views, of which one sends a task, the task, a consumer.
FILES = {
    "urls.py": """\
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from .tasks import mail_customer


@csrf_exempt
def checkout(request: HttpRequest, pk: int) -> JsonResponse:
    mail_customer.delay(pk)
    raise PermissionDenied("card expired")


def invoice(request: HttpRequest, pk: int) -> JsonResponse:
    return JsonResponse({"total": total(pk)})


def total(pk: int) -> int:
    return {7: 1250}[pk]


urlpatterns = [
    path("orders/<int:pk>/checkout/", checkout),
    path("orders/<int:pk>/invoice/", invoice),
]
""",
    "tasks.py": """\
from celery import shared_task

from telemetry.logging import get_logger

log = get_logger(__name__)


@shared_task
def mail_customer(pk: int) -> None:
    log.info("mail_sent", template="card_expired")
""",
    "consumers.py": """\
from channels.generic.websocket import AsyncWebsocketConsumer

from telemetry.logging import get_logger
from telemetry.websocket import TelemetryConsumerMixin

log = get_logger(__name__)


class OrderConsumer(TelemetryConsumerMixin, AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        log.info("browser_told", state="declined")
        await self.send("declined")
""",
    "asgi.py": """\
import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
http = get_asgi_application()

from .consumers import OrderConsumer  # noqa: E402

sockets = URLRouter([path("ws/orders/<int:pk>/", OrderConsumer.as_asgi())])
application = ProtocolTypeRouter(
    {"http": http, "websocket": AuthMiddlewareStack(sockets)}
)
""",
    "celery.py": """\
import os

from celery import Celery

from telemetry.celery import TelemetryTask

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
app = Celery("shop", task_cls=TelemetryTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["shop"])
""",
    "__init__.py": """\
from .celery import app as celery_app

__all__ = ["celery_app"]
""",
}
SETTINGS = """
DEBUG = os.environ.get("DEBUG") != "0"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
# A broker that needs no server: messages are files.
CELERY_BROKER_URL = "filesystem://"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "data_folder_in": BASE_DIR.parent / "broker",
    "data_folder_out": BASE_DIR.parent / "broker",
    "control_folder": BASE_DIR.parent / "control",
    "polling_interval": 0.05,
}
"""
LOG_IN = """
import django

django.setup()

from django.contrib.auth.models import User
from django.test import Client

client = Client()
client.force_login(User.objects.create_user("jane"))
print(client.cookies["sessionid"].value)
"""


@dataclass(frozen=True)
class Visitor:
    """A browser with a session, and what it does in the shop."""

    session: str

    def check_out(self, server: Server, request_id: str) -> None:
        path = "/orders/7/checkout/"
        answer = server.request("POST", path, headers=self._headers(request_id))
        assert answer.status == 403, answer

    def open_socket(self, server: Server, request_id: str) -> None:
        url = f"ws://127.0.0.1:{server.port}/ws/orders/7/?request_id={request_id}"
        headers = self._headers(None)
        with connect(url, additional_headers=headers, proxy=None) as socket:
            socket.send("How is my order?")
            assert socket.recv(timeout=10) == "declined"

    def get_invoice(self, server: Server, request_id: str) -> None:
        answer = server.get("/orders/8/invoice/", self._headers(request_id))
        assert answer.status == 500, answer

    def _headers(self, request_id: str | None) -> dict[str, str]:
        headers = {"Cookie": f"sessionid={self.session}"}
        return headers | ({"X-Request-ID": request_id} if request_id else {})


@dataclass(frozen=True)
class Part:
    """Something that a visitor does, and the events that it must leave."""

    title: str
    drive: Callable[[Visitor, Server, str], None]
    request_id: str
    events: tuple[str, ...]


TASK_EVENTS = ("task_started", "mail_sent", "task_completed")
SHARED_ID = "demo-1"
CHECKOUT = Part(
    "POST /orders/7/checkout/ by a logged-in user; the view sends a task",
    Visitor.check_out,
    SHARED_ID,
    events=("request_completed", *TASK_EVENTS),
)
SOCKET = Part(
    "the browser's WebSocket, /ws/orders/7/?request_id=demo-1",
    Visitor.open_socket,
    SHARED_ID,
    events=("ws_connected", "browser_told", "ws_disconnected"),
)
INVOICE = Part(
    "GET /orders/8/invoice/, which fails; the traceback below its line is left out",
    Visitor.get_invoice,
    "demo-2",
    events=("request_failed",),
)


def main() -> int:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)

    title("A new Django project")
    prepare()
    title("A copy of the template, and two edits in settings")
    copy()
    wire()
    run("python", "manage.py", "check", cwd=PROJECT)
    run("python", "manage.py", "migrate", "--verbosity=0", cwd=PROJECT)
    session = subprocess.check_output(
        [BIN / "python", "-c", LOG_IN], cwd=PROJECT, env=environ(**PLAIN), text=True
    )
    visitor = Visitor(session.strip())

    title("What plain Django logs in production")
    drive_plain(visitor)
    title("What telemetry logs while you develop: LOG_FORMAT=pretty")
    output = drive(visitor, "pretty", CHECKOUT, SOCKET, INVOICE)
    for theme in picture.THEMES:
        (FOLDER / f"terminal-{theme}.svg").write_text(picture.draw(output, theme))
    title("What it logs in production: LOG_FORMAT=json")
    lines = json_lines(drive(visitor, "json", CHECKOUT, SOCKET))

    seen = {line["event"] for line in lines if line["request.id"] == SHARED_ID}
    missing = {*CHECKOUT.events, *SOCKET.events} - seen
    if missing:
        print(f"Never seen: {', '.join(sorted(missing))}", file=sys.stderr)
        return 1
    here = min(os.path.relpath(PROJECT), str(PROJECT), key=len)
    title("Request, task and WebSocket have the same request.id. To go on:")
    print(f"    cd {here}")
    print("    ../venv/bin/python manage.py runserver")
    print("    curl -i http://127.0.0.1:8000/orders/7/invoice/")
    print(f"The package is yours to edit: {here}/telemetry/README.md")
    return 0


def prepare() -> None:
    uv = [sys.executable, "-m", "uv"]
    constraints = REPOSITORY / "requirements" / "dev.txt"
    run(*uv, "venv", "--quiet", str(BIN.parent), shown="python -m venv venv")
    install = [*uv, "pip", "install", "--quiet", f"--python={BIN.parent}"]
    install += ["--constraint", str(constraints)]
    packages = ["django", "uvicorn", "websockets"]
    run(*install, *packages, shown=f"pip install {' '.join(packages)}")
    PROJECT.mkdir()
    run("django-admin", "startproject", "shop", "shop")


def copy() -> None:
    copier = [sys.executable, "-m", "copier", "copy", "--defaults", "--vcs-ref=HEAD"]
    data = [f"--data={key}={value}" for key, value in ANSWERS.items()]
    shown = shlex.join(["copier", "copy", "--defaults", *data, "TEMPLATE", "shop"])
    run(*copier, *data, "--quiet", str(REPOSITORY), "shop", shown=shown)
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet"]
    requirements = ["-r", "shop/telemetry/requirements.txt"]
    constraints = ["--constraint", str(REPOSITORY / "requirements" / "dev.txt")]
    run(
        *uv,
        f"--python={BIN.parent}",
        *constraints,
        *requirements,
        shown=shlex.join(["pip", "install", *requirements]),
    )


def wire() -> None:
    settings = PROJECT / "shop" / "settings.py"
    text = settings.read_text()
    for setting, entry in (
        ("INSTALLED_APPS", "telemetry"),
        ("MIDDLEWARE", "telemetry.middleware.TelemetryMiddleware"),
    ):
        text = text.replace(f"{setting} = [", f'{setting} = [\n    "{entry}",', 1)
        print(f'    {setting} = ["{entry}", ...]')
    (FOLDER / "broker").mkdir()
    settings.write_text(f"import os\n{text}{SETTINGS}")
    for name, text in FILES.items():
        (PROJECT / "shop" / name).write_text(text)


PLAIN = {"TELEMETRY_ENABLED": "false", "DJANGO_SETTINGS_MODULE": "shop.settings"}


def drive_plain(visitor: Visitor) -> None:
    """Show the line of Django's own server about the same request."""
    port = free_port()
    serve = [BIN / "python", "manage.py", "runserver", "--noreload", str(port)]
    env = environ(**PLAIN, DEBUG="0")
    with Server(serve, port=port, cwd=PROJECT, env=env) as server:
        print(f"# {CHECKOUT.title}", flush=True)
        CHECKOUT.drive(visitor, server, CHECKOUT.request_id)
        server.wait_for_text('" 403 ')
        [line] = [row for row in server.stderr.splitlines() if '" 403 ' in row]
        print(line, flush=True)


def drive(visitor: Visitor, log_format: str, *parts: Part) -> str:
    """Drive the parts through a warm server and worker; print their lines.

    Return these lines, with colours.
    """
    env = environ(LOG_FORMAT=log_format)
    port = free_port()
    serve = [BIN / "uvicorn", "shop.asgi:application", "--port", str(port)]
    work = [BIN / "celery", "--app=shop", "worker", "--pool=solo"]
    output = ""
    with (
        Process(work, cwd=PROJECT, env=env, terminal=True) as worker,
        Server(serve, port=port, cwd=PROJECT, env=env, terminal=True) as server,
    ):
        worker.wait_for_text("ready")
        for part in parts:
            # What is loaded at first use is loaded before anything is shown.
            follow(part, "warm-up", visitor, server, worker)
            print(f"# {part.title}", flush=True)
            lines = follow(part, part.request_id, visitor, server, worker)
            is_terminal = sys.stdout.isatty()
            print(lines if is_terminal else without_colours(lines), flush=True)
            output += lines
    return output


def follow(
    part: Part, request_id: str, visitor: Visitor, server: Server, worker: Process
) -> str:
    """Drive a part and return the lines that it has left."""
    before = len(server.stdout), len(worker.stdout)

    def lines() -> list[str]:
        text = server.stdout[before[0] :] + worker.stdout[before[1] :]
        return [row for row in text.splitlines(keepends=True) if request_id in row]

    part.drive(visitor, server, request_id)
    for event in part.events:
        source = worker if event in TASK_EVENTS else server
        source.wait_until(lambda: any(event in row for row in lines()))  # noqa: B023
    return "".join(lines())


def without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def run(
    *command: str, cwd: Path = FOLDER, shown: str = "", quiet: bool = False
) -> None:
    """Show a command as a user would type it, and run it."""
    if not quiet:
        print(f"$ {shown or shlex.join(command)}", flush=True)
    program = shutil.which(command[0], path=environ()["PATH"])
    assert program, f"{command[0]} is missing"
    subprocess.run([program, *command[1:]], cwd=cwd, env=environ(), check=True)


def environ(**more: str) -> dict[str, str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", **more}


def title(text: str) -> None:
    print(f"\n== {text}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
