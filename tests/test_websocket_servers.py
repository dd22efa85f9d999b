"""Sockets in real projects under real servers: who was there, and how it ended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import SHUT_RDWR
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from .support import Project, Server, json_lines
from .support.redis import redis

PROJECT_FILES = Path(__file__).parent / "project_files"
EXTRA = ("uvicorn", "websockets", "daphne", "hypercorn", "channels-redis")
SERVERS = {"uvicorn": (), "daphne": ("-v", "0"), "hypercorn": ()}
KINDS = ("async", "sync")
IN_MEMORY = {"BACKEND": "channels.layers.InMemoryChannelLayer"}


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("sockets") / "shop",
        extra=EXTRA,
        resource_labels="draft",
        otel_exporter="none",
        use_channels=True,
    )
    project.write("config/asgi.py", (PROJECT_FILES / "sockets.py").read_text())
    project.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        ASGI_APPLICATION="config.asgi.application",
        CHANNEL_LAYERS={"default": IN_MEMORY},
    )
    project.environ["LOG_FORMAT"] = "json"
    project.manage("migrate", "--verbosity=0")
    return project


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, project: Project) -> Iterator[Server]:
    with project.serve(request.param, *SERVERS[request.param]) as server:
        yield server


@contextmanager
def open_socket(
    server: Server, path: str, id: str = "any", origin: str = "http://127.0.0.1"
) -> Iterator[ClientConnection]:
    with connect(
        f"ws://127.0.0.1:{server.port}{path}",
        origin=Origin(origin),
        additional_headers={"X-Request-ID": id},
        open_timeout=30,
    ) as socket:
        yield socket


def ask(socket: ClientConnection, text: str) -> Any:
    socket.send(json.dumps(text))
    return json.loads(socket.recv(30))


def lines_of(server: Server, request_id: str) -> list[dict[str, Any]]:
    lines = json_lines(server.stdout)
    return [line for line in lines if line.get("request.id") == request_id]


def ours(server: Server, request_id: str, *, end: str) -> list[str]:
    """The names of the lines that the connection itself leaves, once `end` is there."""

    def names() -> list[str]:
        return [
            line["event"]
            for line in lines_of(server, request_id)
            if line["logger"] == "telemetry.websocket"
        ]

    server.wait_until(lambda: end in names())
    return names()


def codes_of(server: Server) -> set[int]:
    """Return what a server may report in place of the code of a close frame."""
    # Hypercorn 0.18 reports 1006 whatever the client has sent.
    return {1006} if "hypercorn" in server.command[0] else set()


@pytest.mark.parametrize("kind", KINDS)
def test_a_conversation(server: Server, kind: str) -> None:
    """All of its lines share the handshake's id; no text and no query is logged."""
    id = f"{kind}-talk"
    path = f"/ws/{kind}/draft/12/?token=t0ps3cret"
    with open_socket(server, path, id) as socket:
        assert ask(socket, "s3cret words") == "s3cret words"
        assert ask(socket, "more") == "more"
    assert ours(server, id, end="ws_disconnected") == [
        "ws_connected",
        "ws_disconnected",
    ]
    lines = lines_of(server, id)
    assert [line["event"] for line in lines] == [
        "in_connect",
        "ws_connected",
        "in_receive",
        "in_receive",
        "in_disconnect",
        "ws_disconnected",
    ]
    assert {line["draft.id"] for line in lines} == {12}
    assert len({line["ws.conn_id"] for line in lines}) == 1
    last = lines[-1]
    assert (last["messages_in"], last["messages_out"]) == (2, 2)
    assert last["close_code"] in {1000, *codes_of(server)}
    assert "s3cret" not in server.stdout + server.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_is_rejected_and_never_connected(server: Server, kind: str) -> None:
    for ending in ("close", "deny"):
        id = f"{kind}-{ending}"
        path = f"/ws/{kind}/{ending}/"
        with (
            pytest.raises(InvalidStatus) as refused,
            open_socket(server, path, id),
        ):
            pass
        assert refused.value.response.status_code == 403
        assert ours(server, id, end="ws_rejected") == ["ws_rejected"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_that_raises_is_told_once(server: Server, kind: str) -> None:
    def told() -> list[dict[str, Any]]:
        return [line for line in json_lines(server.stdout) if "exception" in line]

    before = len(told())
    id = f"{kind}-break-later"
    with (
        suppress(ConnectionClosed),
        open_socket(server, f"/ws/{kind}/", id) as socket,
    ):
        ask(socket, "break")
    assert ours(server, id, end="ws_failed") == ["ws_connected", "ws_failed"]

    id = f"{kind}-break-first"
    with (
        suppress(InvalidStatus),
        open_socket(server, f"/ws/{kind}/break/", id),
    ):
        pass
    assert ours(server, id, end="ws_rejected") == ["ws_failed", "ws_rejected"]

    # One more conversation, so that the server has told what it has to tell.
    with open_socket(server, f"/ws/{kind}/") as socket:
        ask(socket, "x")
    assert [line["event"] for line in told()[before:]] == ["ws_failed"] * 2
    assert {line["error.message"] for line in told()} == {"broken on purpose"}
    assert "Traceback" not in server.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_who_closes_and_with_which_code(server: Server, kind: str) -> None:
    for who, code in (("client", 4000), ("server", 4001), ("nobody", 1006)):
        id = f"{kind}-{who}"
        with open_socket(server, f"/ws/{kind}/", id) as socket:
            if who == "client":
                socket.close(code)
            elif who == "server":
                with suppress(ConnectionClosed):
                    ask(socket, "close")
            else:
                ask(socket, "x")
                socket.socket.close()
        ours(server, id, end="ws_disconnected")
        # Without a close frame, 1005 is what some servers say instead of 1006.
        codes = {code, 1005} if who == "nobody" else {code}
        assert lines_of(server, id)[-1]["close_code"] in codes | codes_of(server)


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_leaves_while_the_server_sends(server: Server, kind: str) -> None:
    """ASGI: `send` raises an OSError then; most servers send nowhere instead."""
    id = f"{kind}-leaves"
    with open_socket(server, f"/ws/{kind}/", id) as socket:
        assert ask(socket, "stream") == "streamed"
        socket.socket.shutdown(SHUT_RDWR)
    assert ours(server, id, end="ws_disconnected") == [
        "ws_connected",
        "ws_disconnected",
    ]
    lines = [line for line in json_lines(server.stdout) if "exception" in line]
    assert [line for line in lines if "ClientDisconnected" in line["exception"]] == []
    assert "Traceback" not in server.stderr


def test_an_origin_that_is_not_allowed_never_comes_to_the_consumer(
    server: Server,
) -> None:
    path = "/ws/async/?token=t0ps3cret"
    with (
        pytest.raises(InvalidStatus),
        open_socket(server, path, "evil", origin="http://evil.example"),
    ):
        pass
    with open_socket(server, "/ws/async/") as socket:
        assert ask(socket, "x") == "x"
    assert lines_of(server, "evil") == []
    assert "t0ps3cret" not in server.stdout + server.stderr


def test_a_long_path_that_is_refused_is_logged_without_its_query(
    project: Project,
) -> None:
    """The time for the server's record of it is linear in the path."""
    path = "/ws/" + "A" * 60_000 + "a"
    with project.serve("uvicorn", "--ws", "wsproto") as server:
        for origin in ("http://evil.example", "http://127.0.0.1"):
            with (
                pytest.raises(InvalidStatus),
                open_socket(server, f"{path}?token=t0ps3cret", origin=origin),
            ):
                pass
        [line] = [
            line for line in json_lines(server.stdout) if "/ws/AAA" in line["event"]
        ]
    assert line["logger"] == "uvicorn.error"
    assert "t0ps3cret" not in server.stdout + server.stderr


def test_a_user_who_logs_in_and_out(project: Project, server: Server) -> None:
    make = (
        "from django.contrib.auth.models import User;"
        "User.objects.get_or_create(username='ann')"
    )
    project.manage("shell", "--verbosity=0", "-c", make)
    with open_socket(server, "/ws/async/", "ann") as socket:
        for text in ("x", "login", "x", "logout", "x"):
            ask(socket, text)
    ours(server, "ann", end="ws_disconnected")
    users = [line.get("user.id") for line in lines_of(server, "ann")]
    #                connect + x       in, logged_in  x, out  x, disconnect
    assert users == [None, None, None, None, 1, 1, 1, None, None, None]


@pytest.mark.parametrize("layer", ["memory", "redis"])
@pytest.mark.parametrize("kind", SERVERS)
def test_a_channel_layer(
    project: Project, request: pytest.FixtureRequest, kind: str, layer: str
) -> None:
    """Two connections at once: each hears of the other in its own context."""
    settings = IN_MEMORY
    if layer == "redis":
        hosts = [request.getfixturevalue("redis_url")]
        backend = "channels_redis.core.RedisChannelLayer"
        settings = {"BACKEND": backend, "CONFIG": {"hosts": hosts}}  # type: ignore[dict-item]
    project.write(
        "config/settings_layer.py",
        "from config.settings import *\n"
        f"CHANNEL_LAYERS = {{'default': {settings!r}}}\n",
    )
    with project.serve(
        kind, *SERVERS[kind], DJANGO_SETTINGS_MODULE="config.settings_layer"
    ) as server:
        with (
            open_socket(server, "/ws/async/", "a") as first,
            open_socket(server, "/ws/sync/", "b") as second,
        ):
            assert ask(first, "call") == "called"
            assert json.loads(second.recv(30)) == "called"
        for id in ("a", "b"):
            ours(server, id, end="ws_disconnected")
            names = [line["event"] for line in lines_of(server, id)]
            assert names.count("in_called") == 1


def refusals(server: Server) -> None:
    """Connect, have a handshake refused, and have a handler raise."""
    for kind in KINDS:
        with open_socket(server, f"/ws/{kind}/") as socket:
            ask(socket, "x")
        for ending in ("close", "break"):
            path = f"/ws/{kind}/{ending}/"
            with suppress(InvalidStatus), open_socket(server, path):
                pass


def about_sockets(server: Server) -> list[str]:
    """Name the lines about connections: our events, and loggers of servers."""
    ours = "telemetry.websocket"
    return [
        line["event"] if line["logger"] == ours else line["logger"]
        for line in json_lines(server.stdout)
        if line["logger"] == ours or "exception" in line or "/ws/" in line["event"]
    ]


@pytest.mark.parametrize("kind", SERVERS)
def test_no_level_means_no_line_of_the_server_either(
    project: Project, kind: str
) -> None:
    file = project.folder / "telemetry/fields.py"
    before = file.read_text()
    line = "def connection_level(scope: Any, event: str) -> int | None:\n"
    try:
        project.edit("telemetry/fields.py", line, f"{line}    return None\n")
        with project.serve(kind, *SERVERS[kind]) as server:
            refusals(server)
    finally:
        project.write("telemetry/fields.py", before)
    assert about_sockets(server) == []
    assert "Traceback" not in server.stderr


REFUSING = {
    "level": {"level": "CRITICAL"},
    "filter": {"filters": ["refuse"]},
}


@pytest.mark.parametrize("reason", REFUSING)
@pytest.mark.parametrize("kind", SERVERS)
def test_records_of_servers_stay_where_ours_are_refused(
    project: Project, kind: str, reason: str
) -> None:
    project.write(
        "config/settings_refusing.py",
        "from config.settings import *\n"
        "from telemetry.logging import logging_config\n"
        "LOGGING = logging_config()\n"
        "refuse = {'()': 'django.utils.log.CallbackFilter',"
        " 'callback': lambda record: False}\n"
        "LOGGING['filters']['refuse'] = refuse\n"
        f"LOGGING['loggers']['telemetry.websocket'] = {REFUSING[reason]!r}\n",
    )
    module = "config.settings_refusing"
    with project.serve(kind, *SERVERS[kind], DJANGO_SETTINGS_MODULE=module) as server:
        refusals(server)
        expected = {
            "uvicorn": ["uvicorn.error"] * 6,
            "daphne": ["daphne.server"] * 2,
            "hypercorn": ["hypercorn.error"] * 2,
        }
        server.wait_until(lambda: about_sockets(server) == expected[kind])


def test_runserver_of_daphne_logs_nothing_of_what_our_lines_cover(
    project: Project,
) -> None:
    """What it logs before a consumer has started, and after its end, stays."""
    project.write(
        "config/settings_daphne.py",
        "from config.settings import *\nINSTALLED_APPS = ['daphne', *INSTALLED_APPS]\n",
    )
    module = "config.settings_daphne"
    with project.serve("runserver", DJANGO_SETTINGS_MODULE=module) as server:
        with open_socket(server, "/ws/async/", "any") as socket:
            ask(socket, "x")
        ours(server, "any", end="ws_disconnected")
        with suppress(InvalidStatus), open_socket(server, "/ws/async/close/", "no"):
            pass
        ours(server, "no", end="ws_rejected")
    for action in ("CONNECT", "REJECT"):
        assert f"WebSocket {action}" not in server.stdout


# Hypercorn 0.18 goes on while a connection is open, with our package or without.
@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
def test_a_server_that_stops(project: Project, kind: str) -> None:
    with (
        project.serve(kind, *SERVERS[kind]) as server,
        open_socket(server, "/ws/async/", "late") as socket,
    ):
        if kind == "daphne":
            # It looks once a second for connections that are gone, says nothing of
            # it, and stumbles over one that it has not looked at when it stops.
            time.sleep(2)
        ask(socket, "x")
        server.stop()
    assert [
        line["event"]
        for line in lines_of(server, "late")
        if line["logger"] == "telemetry.websocket"
    ] == ["ws_connected", "ws_disconnected"]
