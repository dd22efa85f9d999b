"""Processes in which Django does not run log in our format as well."""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import suppress
from http.client import HTTPException

import pytest

from .support import Process, Project, json_lines

URLS = """
import time
from django.http import HttpResponse
from django.urls import path

def pay(request):
    time.sleep(60)

urlpatterns = [path("pay/", pay), path("ok/", lambda request: HttpResponse("ok"))]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("servers") / "shop",
        extra=["gunicorn", "uvicorn"],
        otel_exporter="none",
    )
    project.write("config/urls.py", URLS)
    project.configure(ALLOWED_HOSTS=["127.0.0.1"], DEBUG=False)
    # Servers are started without that variable, which the application sets.
    project.environ["DJANGO_SETTINGS_MODULE"] = ""
    for name in ("config/wsgi.py", "config/asgi.py"):
        old = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")'
        new = 'os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"'
        project.edit(name, old.replace('"', "'"), new)
    readme = (project.folder / "telemetry" / "README.md").read_text()
    for name in ("gunicorn.conf.py", "logging.json"):
        [recipe] = re.findall(rf"`{name}`:\n\n```\w+\n(.*?)```", readme, re.DOTALL)
        project.write(name, recipe)
    return project


def events(process: Process) -> list[str]:
    """Return the event of each line; each must be JSON."""
    rows = [*process.stdout.splitlines(), *process.stderr.splitlines()]
    lines = sorted(map(json.loads, rows), key=lambda line: line["timestamp"])
    return [line["event"] for line in lines]


@pytest.mark.parametrize("arguments", [(), ("--preload",), ("--threads", "2")])
def test_each_line_of_gunicorn_is_ours(
    project: Project, arguments: tuple[str, ...]
) -> None:
    with project.serve("gunicorn", *arguments) as server:
        assert server.get("/ok/").status == 200
        server.wait_for("request_completed")
    [first, *_, last] = events(server)
    assert first.startswith("Starting gunicorn")
    assert last == "Shutting down: Master"


def test_worker_that_gunicorn_kills_leaves_its_lines(project: Project) -> None:
    with project.serve("gunicorn", "--timeout", "1") as server:
        with suppress(HTTPException, ConnectionError):
            server.get("/pay/")
        [line] = server.wait_for("request_failed")
        server.wait_for_text("Worker exiting")
    assert line["error.type"] == "SystemExit"
    assert line["error.at"] == "config/urls.py:7 in pay"
    assert any(event.startswith("WORKER TIMEOUT") for event in events(server))


def test_each_line_of_uvicorn_is_ours(project: Project) -> None:
    """Those of the parent of several processes, about a child that died, too."""
    arguments = ("--workers", "2", "--log-config", "logging.json")
    with project.serve("uvicorn", *arguments) as server:
        server.wait_until(lambda: server.stdout.count("startup complete") == 2)
        [child, _] = re.findall(r"Started server process \[(\d+)\]", server.stdout)
        os.kill(int(child), signal.SIGKILL)
        server.wait_for_text(f"Child process [{child}] died")
        assert server.get("/ok/").status == 200
        server.wait_for("request_completed")
    assert events(server)[-1].startswith("Stopping parent process")


def test_script_without_django_logs_in_our_format(project: Project) -> None:
    code = """
from telemetry.logging import configure_logging, get_logger
configure_logging("INFO", "json")
get_logger("shop").info("paid", amount=5)
"""
    finished = project.run("python", "-c", code)
    [line] = json_lines(finished.stdout)
    assert (line["logger"], line["event"], line["amount"]) == ("shop", "paid", 5)
    assert finished.stderr == ""
