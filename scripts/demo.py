"""See it work: a new project, a real copy, real servers, and the lines they write.

`make demo` runs this, in `.demo/` or in the folder that it is given. It exits
with 0 only if every line that it promises was seen, sharing one request id.
"""

from __future__ import annotations

import os
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

REQUEST_ID = "demo-1"

ANSWERS = {
    "resource_labels": "tournament",
    "use_channels": "yes",
    "use_celery": "yes",
    "otel_exporter": "none",
}

# What a team would write: a view that starts a task, the task, and a consumer.
FILES = {
    "urls.py": """\
from django.http import HttpRequest, JsonResponse
from django.urls import path

from telemetry.logging import get_logger

from .tasks import count_spectators

log = get_logger(__name__)


def tournament(request: HttpRequest, pk: int) -> JsonResponse:
    log.info("tournament_viewed", round=2)
    count_spectators.delay(pk)
    return JsonResponse({"tournament": pk})


urlpatterns = [path("api/tournaments/<int:pk>/", tournament)]
""",
    "tasks.py": """\
from celery import shared_task

from telemetry.logging import get_logger

log = get_logger(__name__)


@shared_task
def count_spectators(pk: int) -> None:
    log.info("spectators_counted", spectators=3)
""",
    "consumers.py": """\
from channels.generic.websocket import AsyncWebsocketConsumer

from telemetry.logging import get_logger
from telemetry.websocket import TelemetryConsumerMixin

log = get_logger(__name__)


class TournamentConsumer(TelemetryConsumerMixin, AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        log.info("cheered")
        await self.send("thank you")
""",
    "asgi.py": """\
import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
http = get_asgi_application()

from .consumers import TournamentConsumer  # noqa: E402

sockets = [path("ws/tournaments/<int:pk>/", TournamentConsumer.as_asgi())]
application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(sockets)})
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
# A broker that needs no server: messages are rows of a file.
CELERY_BROKER_URL = f"sqla+sqlite:///{BASE_DIR.parent / 'broker.sqlite3'}"
"""


@dataclass(frozen=True)
class Part:
    """Something to drive through the project, and the events it must leave."""

    title: str
    drive: Callable[[Server], None]
    events: tuple[str, ...]


def request(server: Server) -> None:
    answer = server.get("/api/tournaments/5/", {"X-Request-ID": REQUEST_ID})
    assert answer.status == 200, answer


def converse(server: Server) -> None:
    url = f"ws://127.0.0.1:{server.port}/ws/tournaments/5/"
    headers = {"X-Request-ID": REQUEST_ID}
    with connect(url, additional_headers=headers, proxy=None) as socket:
        socket.send("Go!")
        assert socket.recv(timeout=10) == "thank you"


TASK_EVENTS = ("task_started", "spectators_counted", "task_completed")
PARTS = (
    Part(
        "GET /api/tournaments/5/, whose view starts a task",
        request,
        events=("tournament_viewed", "request_completed", *TASK_EVENTS),
    ),
    Part(
        "a conversation on /ws/tournaments/5/",
        converse,
        events=("ws_connected", "cheered", "ws_disconnected"),
    ),
)


def main() -> int:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)

    say("A new Django project")
    prepare()
    say("A copy of the template, and two edits in settings")
    copy()
    wire()
    run("python", "manage.py", "check", cwd=PROJECT)

    say("What it writes while you develop: LOG_FORMAT=pretty")
    shown = drive("pretty")
    for theme in picture.THEMES:
        (FOLDER / f"terminal-{theme}.svg").write_text(picture.draw(shown, theme))
    say("What it writes in production: LOG_FORMAT=json")
    seen = {line["event"] for line in json_lines(drive("json"))}

    missing = [event for part in PARTS for event in part.events if event not in seen]
    if missing:
        print(f"Never seen: {', '.join(missing)}", file=sys.stderr)
        return 1
    here = os.path.relpath(PROJECT)
    say("Seen, all with the same request.id. To go on:")
    print(f"    cd {here}")
    print("    ../venv/bin/python manage.py runserver")
    print("    curl -i http://127.0.0.1:8000/api/tournaments/5/")
    print(f"The package is yours to edit: {here}/telemetry/README.md")
    return 0


def prepare() -> None:
    uv = [sys.executable, "-m", "uv"]
    constraints = REPOSITORY / "requirements" / "dev.txt"
    run(*uv, "venv", "--quiet", str(BIN.parent), shown="python -m venv venv")
    install = [*uv, "pip", "install", "--quiet", f"--python={BIN.parent}"]
    install += ["--constraint", str(constraints)]
    packages = ["django", "sqlalchemy", "uvicorn", "websockets"]
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
    settings.write_text(text + SETTINGS)
    for name, text in FILES.items():
        (PROJECT / "shop" / name).write_text(text)


def drive(log_format: str) -> str:
    """Run every part against a fresh server and worker; print what those wrote.

    Return it as it was printed, below what was done.
    """
    env = environ(LOG_FORMAT=log_format)
    port = free_port()
    serve = [
        BIN / "uvicorn",
        "shop.asgi:application",
        "--port",
        str(port),
    ]
    work = [BIN / "celery", "--app=shop", "worker", "--pool=solo"]
    output = ""
    with (
        Process(work, cwd=PROJECT, env=env) as worker,
        Server(serve, port=port, cwd=PROJECT, env=env) as server,
    ):
        worker.wait_for_text("ready")
        for part in PARTS:
            print(f"$ {part.title}", flush=True)
            part.drive(server)
            for event in part.events:
                source = worker if event in TASK_EVENTS else server
                source.wait_for_text(event)
            lines = (server.stdout + worker.stdout).splitlines(keepends=True)
            new = [line for line in lines if REQUEST_ID in line and line not in output]
            print("".join(new), flush=True)
            output += f"$ {part.title}\n{''.join(new)}\n"
    return output


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


def say(title: str) -> None:
    print(f"\n== {title}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
