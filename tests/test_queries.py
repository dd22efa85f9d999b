"""Queries are counted, and the place in the project's code is named."""

from __future__ import annotations

from typing import Any

import pytest

from .support import REPOSITORY, Project, Server, json_lines

URLS = REPOSITORY / "tests" / "project_files" / "queries_urls.py"
# Of each path: the function that asks again and again.
REPEATED = {
    "/view/": "view",
    "/template/": "template",
    "/serializer/": "get_app",
    "/thread/": "count_all",
}
ASYNC = {"/async/": "in_async", "/gathered/": "gathered"}


CONNECT = """
import asyncio
import django
django.setup()
from channels.testing import WebsocketCommunicator
from config.urls import Feed

async def connect():
    socket = WebsocketCommunicator(Feed.as_asgi(), "/feed/")
    await socket.connect()
    await socket.send_to(text_data="hello")
    await socket.receive_output(20)
    await socket.disconnect()

asyncio.run(connect())
"""
# A wrapper of the project's own, in a thread whose connection opens in its block.
WRAPPERS = """
import threading
import django
django.setup()
from django.db import connection

calls = []

def wrapper(execute, *arguments):
    calls.append(1)
    return execute(*arguments)

def query():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")

def work():
    with connection.execute_wrapper(wrapper):
        query()
    query()
    query()
    print(len(calls), [each.__name__ for each in connection.execute_wrappers])

threading.Thread(target=work).start()
"""


def place(function: str) -> str:
    """Return where the file has `# in function`, as the line has it."""
    above = URLS.read_text().partition(f"# in {function}\n")[0]
    return f"config/urls.py:{above.count(chr(10)) + 1} in {function}"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("queries") / "shop",
        otel_exporter="none",
        log_queries=True,
        use_channels=True,
        use_celery=True,
        extra=["daphne", "djangorestframework", "gunicorn", "uvicorn"],
    )
    project.write("config/urls.py", URLS.read_text())
    project.write(
        "templates/list.html",
        "{% for each in permissions %}{{ each.content_type.app_label }}{% endfor %}",
    )
    project.environ["LOG_FORMAT"] = "json"
    settings = project.settings.read_text()
    project.write(
        "config/settings.py",
        f'{settings}\nTEMPLATES[0]["DIRS"] = [BASE_DIR / "templates"]\n',
    )
    project.manage("migrate", "--verbosity=0")
    return project


@pytest.fixture(scope="module", params=["gunicorn", "uvicorn"])
def server(request: pytest.FixtureRequest, project: Project) -> Any:
    with project.serve(request.param) as server:
        yield server


def line_of(server: Server, path: str) -> dict[str, Any]:
    answer = server.get(path, {"X-Request-ID": f"id{path}"})
    assert answer.status == 200
    server.wait_until(lambda: bool(lines_of(server, path)))
    return lines_of(server, path)[-1]


def lines_of(server: Server, path: str) -> list[dict[str, Any]]:
    lines = server.events("request_completed")
    return [line for line in lines if line["http.route"] == path]


@pytest.mark.parametrize("path", REPEATED)
def test_a_repeated_statement_has_its_place(server: Server, path: str) -> None:
    line = line_of(server, path)
    assert line["db.repeated"] == 7
    assert line["db.queries"] in (7, 8)
    assert line["db.repeated_at"] == place(REPEATED[path])
    assert line["db.repeated_query"].startswith('SELECT "')


@pytest.mark.parametrize("path", ASYNC)
def test_an_async_view_has_its_place_under_asgi(server: Server, path: str) -> None:
    """The query runs in a thread, and the place is where the view waits for it.

    Under WSGI the view runs in an event loop that cannot be seen from there.
    """
    line = line_of(server, path)
    assert line["db.repeated"] == line["db.queries"] == 7
    is_asgi = "uvicorn" in server.command[0]
    assert line.get("db.repeated_at") == (place(ASYNC[path]) if is_asgi else None)


def test_a_task_has_its_own(server: Server) -> None:
    line = line_of(server, "/task/")
    [task] = server.events("task_completed")
    assert "db.repeated" not in line
    assert (task["db.queries"], task["db.repeated"]) == (8, 7)
    assert task["db.repeated_at"] == place("task")


def test_a_connection_has_its_own(project: Project) -> None:
    *_, line = json_lines(project.run("python", "-c", CONNECT).stdout)
    assert line["event"] == "ws_disconnected"
    assert (line["db.queries"], line["db.repeated"]) == (7, 7)
    assert line["db.repeated_at"] == place("receive")


def test_a_slow_query_has_its_place(server: Server) -> None:
    line = line_of(server, "/slow/")
    assert line["db.slowest_ms"] > 100
    assert line["db.slowest_at"] == place("slow")
    assert "db.slowest_ms" not in line_of(server, "/view/")


def test_a_statement_is_shown_without_its_literals(server: Server) -> None:
    line = line_of(server, "/literals/")
    assert line["db.repeated_query"] == "SELECT ? ? WHERE ? = ?"


def test_a_projects_own_wrapper_is_undone(project: Project) -> None:
    assert project.run("python", "-c", WRAPPERS).stdout == "1 ['measure']\n"
