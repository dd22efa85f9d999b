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
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from websockets.sync.client import connect

from tests.support import REPOSITORY, Process, Server, json_lines
from tests.support.processes import free_port

FOLDER = Path(sys.argv[1] if sys.argv[1:] else REPOSITORY / ".demo").absolute()
PROJECT = FOLDER / "shop"
BIN = FOLDER / "venv" / "bin"

REQUEST_ID = "demo-1"

ANSWERS = {
    "resource_labels": "tournament",
    "use_channels": "true",
    "use_celery": "true",
    "otel_exporter": "none",
}

FILES = {
    "urls.py": '''\
"""One view, which logs one line of its own, and starts a task."""

from django.http import HttpRequest, JsonResponse
from django.urls import path

from telemetry.logging import get_logger

from .tasks import draw_bracket

log = get_logger(__name__)


def tournament(request: HttpRequest, pk: int) -> JsonResponse:
    log.info("tournament_viewed", spectators=3)
    draw_bracket.delay(pk)
    return JsonResponse({"tournament": pk})


urlpatterns = [path("api/tournaments/<int:pk>/", tournament)]
''',
    "tasks.py": '''\
"""One task, which logs one line of its own."""

from celery import shared_task

from telemetry.logging import get_logger

log = get_logger(__name__)


@shared_task
def draw_bracket(tournament: int) -> None:
    log.info("bracket_drawn", rounds=4)
''',
    "celery.py": '''\
"""The Celery application; each of its tasks is one of telemetry's."""

import os

from celery import Celery

from telemetry.celery import TelemetryTask

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

app = Celery("shop", task_cls=TelemetryTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["shop"])
''',
    "__init__.py": """\
from .celery import app as celery_app

__all__ = ["celery_app"]
""",
    "consumers.py": '''\
"""One consumer, which logs one line of its own for each message."""

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from telemetry.logging import get_logger
from telemetry.websocket import TelemetryConsumerMixin

log = get_logger(__name__)


class TournamentConsumer(TelemetryConsumerMixin, AsyncJsonWebsocketConsumer):
    async def receive_json(self, content: dict[str, str], **kwargs: object) -> None:
        log.info("cheer_received")
        await self.send_json({"heard": content["cheer"]})
''',
    "asgi.py": '''\
"""HTTP to Django, sockets to Channels."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django = get_asgi_application()

from .consumers import TournamentConsumer  # noqa: E402

sockets = [path("ws/tournaments/<int:pk>/", TournamentConsumer.as_asgi())]
application = ProtocolTypeRouter({"http": django, "websocket": URLRouter(sockets)})
''',
}

SETTINGS = """
# A broker in a file: nothing to install, and good for nothing but a demo.
CELERY_BROKER_URL = f"sqla+sqlite:///{BASE_DIR / 'queue.sqlite3'}"
CELERY_TASK_IGNORE_RESULT = True
"""


@dataclass(frozen=True)
class Part:
    """Something to drive through the project, and the events it must leave."""

    title: str
    drive: Callable[[Server], None]
    program: str
    events: tuple[str, ...]


def request(server: Server) -> None:
    answer = server.get("/api/tournaments/5/", {"X-Request-ID": REQUEST_ID})
    assert answer.status == 200, answer


def converse(server: Server) -> None:
    """As the page would do it that was answered above."""
    with connect(
        f"ws://127.0.0.1:{server.port}/ws/tournaments/5/",
        additional_headers={"X-Request-ID": REQUEST_ID},
        open_timeout=30,
    ) as socket:
        socket.send('{"cheer": "hooray"}')
        assert socket.recv(30) == '{"heard": "hooray"}'


def nothing_more(server: Server) -> None:
    """The view has started the task."""


PARTS = (
    Part(
        "GET /api/tournaments/5/",
        request,
        program="server",
        events=("tournament_viewed", "request_completed"),
    ),
    Part(
        "the task that the view has started, in a worker",
        nothing_more,
        program="worker",
        events=("task_started", "bracket_drawn", "task_completed"),
    ),
    Part(
        "a socket to /ws/tournaments/5/",
        converse,
        program="server",
        events=("ws_connected", "cheer_received", "ws_disconnected"),
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
    drive("pretty")
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
    """Run every part against fresh programs and print what they wrote of it."""
    port = free_port()
    env = environ(LOG_FORMAT=log_format)
    serve = [BIN / "uvicorn", "shop.asgi:application", "--port", str(port)]
    work = [BIN / "celery", "--app=shop", "worker", "--concurrency=1"]
    shown: list[str] = []
    with ExitStack() as stack:
        server = stack.enter_context(Server(serve, port=port, cwd=PROJECT, env=env))
        worker = stack.enter_context(Process(work, cwd=PROJECT, env=env))
        worker.wait_for_text("ready.", timeout=60)
        programs = {"server": server, "worker": worker}
        for part in PARTS:
            print(f"$ {part.title}", flush=True)
            program = programs[part.program]
            part.drive(server)
            for event in part.events:
                program.wait_for_text(event, timeout=60)
            for line in program.stdout.splitlines():
                if REQUEST_ID in line and line not in shown:
                    print(line, flush=True)
                    shown.append(line)
    return "\n".join(shown)


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
