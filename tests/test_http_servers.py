"""HTTP in real projects under real servers: one line a request, whatever happens."""

from __future__ import annotations

import json
import os
import re
import socket
from collections import Counter
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from .support import Project, Server, json_lines
from .support.processes import free_port

PROJECT_FILES = Path(__file__).parent / "project_files"
EXTRA = ["gunicorn", "uvicorn", "daphne", "djangorestframework", "sentry-sdk"]
EXTRA += ["pytest", "pytest-django"]
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

SERVERS = {
    "runserver": (),
    "gunicorn": (),
    "uvicorn": (),
    "daphne": ("-v", "0"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("http") / "shop",
        extra=EXTRA,
        resource_labels="tournament, draft",
        otel_exporter="none",
    )
    project.write("config/urls.py", (PROJECT_FILES / "http_urls.py").read_text())
    project.write("users_probe.py", (PROJECT_FILES / "users_probe.py").read_text())
    project.edit(
        "config/settings.py",
        "INSTALLED_APPS = [",
        'INSTALLED_APPS = ["rest_framework", "rest_framework.authtoken",',
    )
    project.configure(ALLOWED_HOSTS=["127.0.0.1", "testserver"])
    project.environ["LOG_FORMAT"] = "json"
    project.manage("migrate", "--verbosity=0")
    return project


def completions(server: Server) -> list[dict[str, Any]]:
    lines = json_lines(server.stdout)
    return [line for line in lines if line["event"].startswith("request_")]


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("kind", SERVERS)
def test_each_request_leaves_one_line(
    project: Project, kind: str, debug: bool, tmp_path: Path
) -> None:
    settings = f"from config.settings import *\nDEBUG = {debug}\n"
    project.write(f"config/settings_{debug}.py", settings)
    asked = [
        ("/api/tournaments/5/", 200, "request_completed", "info"),
        ("/ok", 301, "request_completed", "info"),
        ("/nowhere/", 404, "request_completed", "warning"),
        ("/broken/", 500, "request_failed", "error"),
        ("/suspicious/", 400, "request_completed", "warning"),
        ("/stream/", 200, "request_completed", "info"),
        ("/ok-async/", 200, "request_completed", "info"),
        ("/file/", 200, "request_completed", "info"),
    ]
    with project.serve(
        kind, *SERVERS[kind], DJANGO_SETTINGS_MODULE=f"config.settings_{debug}"
    ) as server:
        for number, (path, status, *_) in enumerate(asked):
            response = server.get(path, {"X-Request-ID": f"id-{number}"})
            assert response.status == status
            assert response.headers["X-Request-ID"] == f"id-{number}"
        server.wait_until(lambda: len(completions(server)) >= len(asked))

    lines = completions(server)
    assert [
        (
            line["http.route"],
            line["http.status_code"],
            line["event"],
            line["level"],
            line["request.id"],
        )
        for line in lines
    ] == [
        (path, status, event, level, f"id-{number}")
        for number, (path, status, event, level) in enumerate(asked)
    ]
    assert "in broken\n" in lines[3]["exception"]
    events = Counter(line["event"] for line in json_lines(server.stdout))
    assert events["seen_by_get_logger"] == 1
    assert events["seen_by_structlog"] == 1
    assert events["seen_by_logging"] == 1
    assert events["Not Found: /nowhere/"] == 0
    assert events["Internal Server Error: /broken/"] == 0
    assert not re.search("GET /[^ ]* HTTP", server.stdout + server.stderr)
    if kind != "runserver":
        for line in server.stdout.splitlines():
            json.loads(line)


def test_line_is_the_specified_one(project: Project) -> None:
    with project.serve("gunicorn") as server:
        server.get("/api/tournaments/5/", {"X-Request-ID": "abc-123"})
        [line] = server.wait_for("request_completed")
    pattern = (
        r'\{"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z","level":"info",'
        r'"logger":"telemetry\.middleware","event":"request_completed",'
        r'"http\.method":"GET","http\.route":"/api/tournaments/5/",'
        r'"http\.status_code":200,"duration_ms":\d+\.\d+,'
        r'"request\.id":"abc-123","labels":\["tournament"\],"tournament\.id":5\}'
    )
    assert any(re.fullmatch(pattern, row) for row in server.stdout.splitlines())
    assert line["tournament.id"] == 5


def test_pretty_line_is_the_specified_one(project: Project) -> None:
    with project.serve("gunicorn", LOG_FORMAT="pretty") as server:
        server.get("/api/tournaments/5/", {"X-Request-ID": "abc-123"})
        server.wait_for_text("request_completed")
    pattern = (
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[info     \] request_completed  "
        r"\[telemetry\.middleware\] http\.method=GET "
        r"http\.route=/api/tournaments/5/ http\.status_code=200 "
        r"duration_ms=\d+\.\d+ request\.id=abc-123 labels=\['tournament'\] "
        r"tournament\.id=5"
    )
    assert any(re.fullmatch(pattern, row) for row in server.stdout.splitlines())


def test_odd_request_ids_are_replaced(project: Project) -> None:
    with project.serve("gunicorn") as server:
        for given in ("a" * 129, "two words", "caf\xe9", "<script>", "a;b", ""):
            response = server.get("/ok/", {"X-Request-ID": given})
            assert re.fullmatch(UUID, response.headers["X-Request-ID"]), given


@pytest.mark.parametrize("path", ["/endless/", "/stream-async/?wait"])
def test_client_that_leaves_is_logged_as_cancelled(project: Project, path: str) -> None:
    begun = "waiting" if path == "/endless/" else "chunk"
    with project.serve("uvicorn") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            server.wait_for(begun)
        [line] = server.wait_for("request_cancelled")
        assert line["level"] == "info"
        [before] = server.events(begun)[:1]
        assert line["request.id"] == before["request.id"]
        assert server.get("/ok-async/").status == 200
        server.wait_for("request_completed")
    assert len(completions(server)) == 2


SYNC_ONLY = """
def middleware(get_response):
    def inner(request):
        return get_response(request)
    return inner
"""


def test_client_that_leaves_below_a_sync_middleware(project: Project) -> None:
    """Django runs our sync form then, in a thread; WhiteNoise is such a middleware."""
    project.write("config/sync_only.py", SYNC_ONLY)
    project.write(
        "config/settings_sync.py",
        "from config.settings import *\n"
        'MIDDLEWARE = [*MIDDLEWARE, "config.sync_only.middleware"]\n',
    )
    with project.serve(
        "uvicorn", DJANGO_SETTINGS_MODULE="config.settings_sync"
    ) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET /endless/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            server.wait_for("waiting")
        [line] = server.wait_for("request_cancelled")
        assert server.get("/ok-async/").status == 200
        server.wait_for("request_completed")
    assert line["level"] == "info"
    assert "exception" not in line
    events = [line["event"] for line in completions(server)]
    assert events == ["request_cancelled", "request_completed"]


@pytest.mark.parametrize(
    ("kind", "path"), [("gunicorn", "/stream/"), ("uvicorn", "/stream-async/")]
)
def test_stream_that_breaks_half_way_has_failed(
    project: Project, kind: str, path: str
) -> None:
    with project.serve(kind) as server:
        # What the client sees of a body cut short differs from server to server.
        with suppress(HTTPException):
            server.get(f"{path}?break")
        [line] = server.wait_for("request_failed")
    assert line["error.message"] == "half-way"
    assert len(completions(server)) == 1


def test_users_cost_what_they_cost_before(project: Project) -> None:
    bare = "from config.settings import *\nMIDDLEWARE = MIDDLEWARE[1:]\n"
    project.write("config/settings_bare.py", bare)
    ours = json_lines(project.run("python", "users_probe.py").stdout)
    before = json_lines(
        project.run(
            "python", "users_probe.py", DJANGO_SETTINGS_MODULE="config.settings_bare"
        ).stdout
    )

    def costs(lines: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
        return {
            (line["who"], line["path"]): line
            for line in lines
            if line["event"] == "cost"
        }

    for (who, path), cost in costs(ours).items():
        bare_cost = costs(before)[who, path]
        assert cost["vary"] == bare_cost["vary"], (who, path)
        assert cost["cookies"] == bare_cost["cookies"], (who, path)
        if who == "ann" and "whoami" not in path:
            assert cost["queries"] == ["django_session"], (who, path)
        elif who == "ann" or who == "anonymous":
            assert cost["queries"] == bare_cost["queries"], (who, path)
        else:
            # A cookie without a session: one read, and the view's own.
            assert set(cost["queries"]) <= {"django_session"}
            assert len(cost["queries"]) <= len(bare_cost["queries"]) + 1

    [ann] = [int(line["pk"]) for line in ours if line["event"] == "ann"]
    who = ""
    for line in ours:
        if line["event"] == "begin":
            who = line["who"]
        elif line.get("logger") in ("site", "telemetry.middleware"):
            expected = ann if who.startswith("ann") else None
            assert line.get("user.id") == expected, line


def test_users_of_login_and_of_a_rest_framework_are_seen(project: Project) -> None:
    project.run("python", "users_probe.py")
    made = project.manage("drf_create_token", "ann").stdout
    [token] = re.findall(r"[0-9a-f]{40}", made)
    with project.serve("gunicorn") as server:
        server.get("/api/", {"Authorization": f"Token {token}"})
        server.get("/api/")
        server.get("/enter/")
        server.wait_until(lambda: len(completions(server)) == 3)
    with_token, without, entered = completions(server)
    assert with_token["user.id"] == 1
    assert "user.id" not in without
    assert entered["user.id"] == 1
    first, second = server.events("api_called")
    assert first["user.id"] == 1
    assert "user.id" not in second
    [line] = server.events("entered")
    assert line["user.id"] == 1
    assert token not in server.stdout


def test_projects_own_logging_can_be_built_on_ours(
    project: Project, tmp_path: Path
) -> None:
    log_file = tmp_path / "app.log"
    project.write(
        "config/settings_own.py",
        "from config.settings import *\n"
        "from telemetry.logging import logging_config\n"
        "LOGGING = logging_config()\n"
        'LOGGING["handlers"]["file"] = {"class": "logging.FileHandler", '
        f'"filename": {str(log_file)!r}, "formatter": "json"}}\n'
        'LOGGING["root"]["handlers"].append("file")\n',
    )
    with project.serve(
        "gunicorn", DJANGO_SETTINGS_MODULE="config.settings_own"
    ) as server:
        server.get("/broken/")
        [line] = server.wait_for("request_failed")
    assert line in json_lines(log_file.read_text())


def test_logging_that_bypasses_ours_is_named(project: Project) -> None:
    project.write(
        "config/settings_bypass.py",
        "from config.settings import *\n"
        'LOGGING = {"version": 1, "root": {"level": "INFO"}}\n',
    )
    told = project.manage("check", DJANGO_SETTINGS_MODULE="config.settings_bypass")
    assert "telemetry.W003" in told.stderr
    assert "LOGGING = logging_config()" in told.stderr


def test_sentry_sees_each_line_with_its_exception(project: Project) -> None:
    project.write(
        "config/settings_sentry.py",
        "from config.settings import *\n"
        "import json, sentry_sdk\n"
        "def tell(event, hint):\n"
        "    print(json.dumps({'event': 'sentry',\n"
        "        'logger': event.get('logger'),\n"
        "        'type': event['exception']['values'][-1]['type'],\n"
        "        'price': event['extra'].get('price')}), flush=True)\n"
        "sentry_sdk.init(dsn='http://key@127.0.0.1:9/1', before_send=tell)\n",
    )
    told = project.run(
        "python",
        "-c",
        "import django; django.setup()\n"
        "from telemetry.logging import get_logger\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: get_logger('shop').exception('failed', price=3)\n",
        DJANGO_SETTINGS_MODULE="config.settings_sentry",
    )
    lines = json_lines(told.stdout)
    events = Counter(line["event"] for line in lines)
    assert (events["failed"], events["sentry"]) == (1, 1)
    [event] = [line for line in lines if line["event"] == "sentry"]
    assert event["logger"] == "shop"
    assert event["type"] == "ZeroDivisionError"
    assert event["price"] == 3


def test_caplog_sees_each_line_with_its_exception(project: Project) -> None:
    project.write(
        "test_shop.py",
        "from telemetry.logging import get_logger\n"
        "def test_line(caplog):\n"
        "    try:\n"
        "        1 / 0\n"
        "    except ZeroDivisionError:\n"
        "        get_logger('shop').exception('failed', price=3)\n"
        "    [record] = caplog.records\n"
        "    assert record.getMessage() == 'failed'\n"
        "    assert record.exc_info[0] is ZeroDivisionError\n"
        "    assert (record.price, record.funcName) == (3, 'test_line')\n",
    )
    project.run("pytest", "-q", "test_shop.py")


def test_switched_off_django_is_as_it_was(project: Project) -> None:
    bare = (
        "from config.settings import *\n"
        "INSTALLED_APPS = [app for app in INSTALLED_APPS if app != 'telemetry']\n"
        "MIDDLEWARE = MIDDLEWARE[1:]\n"
    )
    project.write("config/settings_without.py", bare)
    program = (
        "import logging, django; django.setup()\n"
        "from django.core.handlers.wsgi import WSGIHandler\n"
        "names = ['', *sorted(n for n in logging.root.manager.loggerDict\n"
        "         if n.startswith('django'))]\n"
        "for name in names:\n"
        "    logger = logging.getLogger(name)\n"
        "    print(name, logger.level, logger.propagate, logger.handlers)\n"
        "print(type(WSGIHandler()._middleware_chain.__wrapped__))\n"
    )

    def told(**environ: Any) -> str:
        return re.sub(
            "0x[0-9a-f]+", "", project.run("python", "-c", program, **environ).stdout
        )

    off = told(TELEMETRY_ENABLED="false")
    assert off == told(DJANGO_SETTINGS_MODULE="config.settings_without")
    assert "Telemetry" in told()


def test_bad_value_is_one_warning_and_a_failing_check(project: Project) -> None:
    problem = (
        "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL; "
        "got 'LOUD'. Using INFO."
    )
    checked = project.manage("check", check=False, LOG_LEVEL="LOUD")
    assert checked.returncode == 1
    assert problem in checked.stderr
    with project.serve("gunicorn", LOG_LEVEL="LOUD") as server:
        assert server.get("/ok/").status == 200
        server.wait_for("request_completed")
    [warning] = server.events("environment_value_rejected")
    assert warning["problem"] == problem


LATE = {
    "uvicorn.run in a script": ("python", "run_uvicorn.py", "{port}"),
    "gunicorn --preload with uvicorn's worker": (
        *("gunicorn", "--preload", "-k", "uvicorn_worker.UvicornWorker"),
        *("config.asgi:application", "--bind", "127.0.0.1:{port}"),
    ),
}
RUN_UVICORN = """
import sys, uvicorn
from config.asgi import application
uvicorn.run(application, port=int(sys.argv[1]))
"""


@pytest.mark.parametrize("name", LATE)
def test_a_server_that_configures_logging_after_django(
    tmp_path: Path, name: str
) -> None:
    """From the first request its lines are ours, and none repeats a completion line."""
    project = Project.start(
        tmp_path / "shop",
        extra=["uvicorn", "gunicorn", "uvicorn-worker"],
        otel_exporter="none",
    )
    project.configure(ALLOWED_HOSTS=["127.0.0.1"], DEBUG=False)
    project.write("run_uvicorn.py", RUN_UVICORN)
    port = free_port()
    program, *arguments = [part.format(port=port) for part in LATE[name]]
    server = Server(
        [project.bin / program, *arguments],
        port=port,
        cwd=project.folder,
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings"},
    )
    with server:
        for _ in range(2):
            assert server.get("/nowhere/?token=hunter2").status == 404
        server.stop()
    lines = json_lines(server.stdout)
    events = [line["event"] for line in lines if "nowhere" in str(line)]
    assert events == ["request_completed"] * 2
    assert "hunter2" not in server.stdout + server.stderr
    assert "Shutting down" in {line["event"] for line in lines}
