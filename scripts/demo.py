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

from tests.support import REPOSITORY, Server, json_lines
from tests.support.processes import free_port

FOLDER = Path(sys.argv[1] if sys.argv[1:] else REPOSITORY / ".demo").absolute()
PROJECT = FOLDER / "shop"
BIN = FOLDER / "venv" / "bin"

REQUEST_ID = "demo-1"

ANSWERS = {"resource_labels": "tournament", "otel_exporter": "none"}

URLS = '''\
"""One view, which logs one line of its own."""

from django.http import HttpRequest, JsonResponse
from django.urls import path

from telemetry.logging import get_logger

log = get_logger(__name__)


def tournament(request: HttpRequest, pk: int) -> JsonResponse:
    log.info("tournament_viewed", spectators=3)
    return JsonResponse({"tournament": pk})


urlpatterns = [path("api/tournaments/<int:pk>/", tournament)]
'''


@dataclass(frozen=True)
class Part:
    """Something to drive through the project, and the events it must leave."""

    title: str
    drive: Callable[[Server], None]
    events: tuple[str, ...]


def request(server: Server) -> None:
    answer = server.get("/api/tournaments/5/", {"X-Request-ID": REQUEST_ID})
    assert answer.status == 200, answer


# A conversation over a socket and a task are further parts; what they need
# beside the server (a worker, a broker) is started in `drive`.
PARTS = (
    Part(
        "GET /api/tournaments/5/",
        request,
        events=("tournament_viewed", "request_completed"),
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
    packages = ["django", "uvicorn"]
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
    settings.write_text(text)
    (PROJECT / "shop" / "urls.py").write_text(URLS)


def drive(log_format: str) -> str:
    """Run every part against a fresh server and print what that wrote."""
    port = free_port()
    with ExitStack() as stack:
        server = stack.enter_context(
            Server(
                [BIN / "uvicorn", "shop.asgi:application", "--port", str(port)],
                port=port,
                cwd=PROJECT,
                env=environ(LOG_FORMAT=log_format),
            )
        )
        for part in PARTS:
            print(f"$ {part.title}", flush=True)
            part.drive(server)
            for event in part.events:
                server.wait_for_text(event)
    output = "".join(
        line for line in server.stdout.splitlines(True) if REQUEST_ID in line
    )
    print(output, end="", flush=True)
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
