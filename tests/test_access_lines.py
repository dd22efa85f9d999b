"""Servers' access lines are left out for requests that have a line, and no others."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from .support import Project, Server, json_lines

FILES = Path(__file__).parent / "project_files"
ACCESS = ("django.server", "django.channels.server", "uvicorn.access")

SETTINGS = {
    "debug": "DEBUG = True\n",
    "prefix": 'DEBUG = True\nFORCE_SCRIPT_NAME = "/shop"\n',
    "daphne": """
DEBUG = True
INSTALLED_APPS = ["daphne", *INSTALLED_APPS]
ASGI_APPLICATION = "access_urls.application"
""",
    # Our line is refused by the level of its logger.
    "refused": """
from telemetry.logging import logging_config
LOGGING = logging_config()
LOGGING["loggers"]["telemetry.middleware"] = {"level": "CRITICAL"}
""",
    # A handler of the project's on the server's logger.
    "handler": """
from telemetry.logging import logging_config
LOGGING = logging_config()
LOGGING["formatters"]["mine"] = {"format": "mine %(message)s"}
LOGGING["handlers"]["mine"] = {"class": "logging.StreamHandler", "formatter": "mine"}
LOGGING["loggers"]["uvicorn.access"] = {"handlers": ["mine"], "level": "INFO"}
""",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("access") / "shop",
        extra=["uvicorn", "daphne"],
        otel_exporter="none",
    )
    project.write("access_urls.py", (FILES / "access_urls.py").read_text())
    project.configure(
        ALLOWED_HOSTS=["127.0.0.1"], DEBUG=False, ROOT_URLCONF="access_urls"
    )
    for name, text in SETTINGS.items():
        project.write(f"config/{name}.py", f"from config.settings import *\n{text}")
    project.edit(
        "telemetry/fields.py",
        "    if status >= 500:\n",
        '    if request.path.endswith("/silent/"):\n        return None\n'
        "    if status >= 500:\n",
    )
    asgi = (project.folder / "config" / "asgi.py").read_text()
    project.write("config/asgi.py", f"{asgi}\nfrom access_urls import application\n")
    project.environ |= {
        "LOG_FORMAT": "json",
        "TELEMETRY_EXCLUDED_PATHS": "/healthz*, /shop/healthz*",
    }
    return project


def ask(server: Server, asked: Iterable[tuple[str, str]]) -> list[int]:
    """Send requests on one connection that stays open; return their statuses."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    statuses = []
    for method, path in asked:
        connection.putrequest(method, path)
        connection.endheaders()
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    connection.close()
    return statuses


def about(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines about requests."""
    loggers = (*ACCESS, "telemetry.middleware", "django.request")
    return [line for line in lines if line["logger"] in loggers]


COMMANDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "runserver": ("debug", "runserver", ()),
    "runserver with FORCE_SCRIPT_NAME": ("prefix", "runserver", ()),
    "runserver of Daphne": ("daphne", "runserver", ()),
    "uvicorn": ("settings", "uvicorn", ("--interface=asgi3",)),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_request_has_one_line_or_none(project: Project, command: str) -> None:
    """Odd paths and methods included; what Django does not see keeps the server's."""
    settings, kind, arguments = COMMANDS[command]
    prefix = "/shop" if settings == "prefix" else ""
    other = "/other/" if kind == "uvicorn" else f"{prefix}/static/missing.css"
    # WSGI keeps what is no UTF-8, and Python's server makes one slash of two.
    is_wsgi = settings in ("debug", "prefix")
    odd = ("/ok/", "/%FF/") if is_wsgi else ("//ok/", "/\ufffd/")
    asked = [
        ("GET", "/ok/?token=planted"),
        ("GET", f"{other}?token=planted"),
        ("GET", "//ok/"),
        ("GET", "/%ff/"),
        ("M-SEARCH", "/ok/"),
        ("get", "/ok/"),
        ("GET", "/silent/"),
        ("GET", "/healthz"),
        ("GET", "/healthz/nowhere"),
        ("GET", f"{other}?token=planted"),
        ("GET", "/stream/"),
        ("GET", "/broken/?token=planted"),
        ("GET", f"{other}?token=planted"),
    ]
    with project.serve(
        kind, *arguments, DJANGO_SETTINGS_MODULE=f"config.{settings}"
    ) as server:
        ask(server, asked)
        server.wait_for("request_failed")
        ask(server, [("GET", "/nowhere/")])
        server.wait_until(lambda: "/nowhere/" in server.stdout)
        server.stop()
    lines = about(json_lines(server.stdout))
    assert [
        "other" if line["logger"] in ACCESS else line["http.route"] for line in lines
    ] == [
        f"{prefix}/ok/",
        "other",
        *(f"{prefix}{path}" for path in (*odd, "/ok/", "/ok/")),
        "other",
        *(f"{prefix}{path}" for path in ("/stream/", "/broken/")),
        "other",
        f"{prefix}/nowhere/",
    ]
    assert all(other in line["event"] for line in lines if line["logger"] in ACCESS)
    assert "planted" not in server.stdout
    assert "Traceback" not in server.stderr


def test_a_refused_line_leaves_the_servers(project: Project) -> None:
    with project.serve("uvicorn", DJANGO_SETTINGS_MODULE="config.refused") as server:
        ask(server, [("GET", "/broken/?token=planted"), ("GET", "/ok/")])
        server.wait_until(lambda: "GET /ok/" in server.stdout)
        server.stop()
    error, failed, ok = about(json_lines(server.stdout))
    assert error["logger"] == "django.request"
    assert "ValueError: broken on purpose" in error["exception"]
    assert failed["event"].endswith('"GET /broken/ HTTP/1.1" 500')
    assert ok["event"].endswith('"GET /ok/ HTTP/1.1" 200')


def test_a_log_config_of_uvicorn_is_written(project: Project, tmp_path: Path) -> None:
    """Its files have every access line; stdout has ours."""
    file = {"class": "logging.FileHandler", "formatter": "plain"}
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(levelname)s %(message)s"}},
        "handlers": {
            "access": {**file, "filename": str(tmp_path / "access.log")},
            "error": {**file, "filename": str(tmp_path / "error.log")},
        },
        "loggers": {
            "uvicorn": {"handlers": ["error"], "level": "INFO"},
            "uvicorn.access": {"handlers": ["access"], "level": "INFO"},
        },
    }
    (tmp_path / "log.json").write_text(json.dumps(config))
    with project.serve(
        "uvicorn",
        f"--log-config={tmp_path / 'log.json'}",
        DJANGO_SETTINGS_MODULE="config.settings",
    ) as server:
        ask(server, [("GET", "/ok/"), ("GET", "/silent/"), ("GET", "/nowhere/")])
        server.wait_until(lambda: '"/nowhere/"' in server.stdout)
        server.stop()
    rows = (tmp_path / "access.log").read_text().splitlines()
    assert [row.split('"')[1].split()[1] for row in rows] == [
        *("/ok/", "/silent/", "/nowhere/")
    ]
    assert "Application startup" in (tmp_path / "error.log").read_text()
    events = [line["event"] for line in about(json_lines(server.stdout))]
    assert events == ["request_completed"] * 2


def test_a_handler_on_a_servers_logger_stays(project: Project) -> None:
    with project.serve("uvicorn", DJANGO_SETTINGS_MODULE="config.handler") as server:
        ask(server, [("GET", "/ok/"), ("GET", "/silent/"), ("GET", "/nowhere/")])
        server.wait_until(lambda: "GET /nowhere/" in server.stderr)
        server.stop()
    mine = [row for row in server.stderr.splitlines() if row.startswith("mine ")]
    assert [row.split('"')[1].split()[1] for row in mine] == [
        *("/ok/", "/silent/", "/nowhere/")
    ]
    events = [line["event"] for line in about(json_lines(server.stdout))]
    assert events == ["request_completed"] * 2
