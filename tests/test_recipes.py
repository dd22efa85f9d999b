"""Everyday edits of the package are right at the first try.

Each is a text edit as an owner makes it, who has read `fields.py`, `labels.py`,
`logging.py` and the rendered README. Those that can stand beside each other share
a project; after all of them the rendered tests are green.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from .support import Project, json_lines
from .support.otlp import Receiver
from .support.releases import ANCHOR

FILES = Path(__file__).parent / "project_files"
FIELDS, LABELS = "telemetry/fields.py", "telemetry/labels.py"
SETTINGS = "config/settings.py"


@dataclass(frozen=True)
class Edit:
    """Replaces a text, which must stand in the file, or adds below it."""

    file: str
    old: str
    new: str

    @classmethod
    def below(cls, function: str, *lines: str) -> Edit:
        """Add below the anchor in that function or list of `fields.py`."""
        return cls(FIELDS, function, "\n".join(lines))

    def make(self, project: Project) -> None:
        if not self.old.endswith(("(", "{", "[")):
            project.edit(self.file, self.old, self.new)
            return
        text = (project.folder / self.file).read_text()
        before, start, rest = text.partition(self.old)
        above, anchor, below = rest.partition(f"{ANCHOR}\n")
        assert start, self.old
        assert anchor, self.old
        project.write(self.file, f"{before}{start}{above}{anchor}{self.new}\n{below}")


@dataclass
class Seen:
    """What came out of an edited project: lines, and what its driver shows."""

    lines: list[dict[str, Any]]
    shown: dict[str, Any] = field(default_factory=dict)

    def named(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        return [
            line
            for line in self.lines
            if line["event"] == event and fields.items() <= line.items()
        ]

    def ending(self, path: str) -> list[dict[str, Any]]:
        """Return the lines that end a request for `path`."""
        return self.named("request_completed", **{"http.route": path})


def start(folder: Path, edits: dict[str, list[Edit]], **answers: Any) -> Project:
    chosen = {"otel_exporter": "none", "resource_labels": "tournament", **answers}
    project = Project.start(folder, **chosen)
    for name in ("edits.py", "edits_urls.py", "edits_everywhere.py"):
        project.write(name, (FILES / name).read_text())
    project.configure(
        ALLOWED_HOSTS=["localhost", "127.0.0.1"],
        DEBUG=False,
        ROOT_URLCONF="edits_urls",
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    )
    for edit in [edit for each in edits.values() for edit in each]:
        edit.make(project)
    return project


def drive(project: Project, *arguments: str, **environ: Any) -> Seen:
    finished = project.run("python", *arguments, **environ)
    shown: dict[str, Any] = {}
    for values in json_lines(finished.stderr):
        shown |= values
    return Seen(json_lines(finished.stdout), shown)


# ---------------------------------------------------------------------- requests

SAMPLE_RATE = """Fields = dict[str, Any]

SAMPLE_RATES = {"/ping/": 10}


def sample_rate(request: HttpRequest, status: int | None) -> int | None:
    return SAMPLE_RATES.get(request.path) if status and status < 300 else None

"""
REQUESTS = {
    "the client's address in the completion line": [
        Edit.below(
            "def completion_fields(",
            '        "client.address": request.META.get("REMOTE_ADDR"),',
        )
    ],
    "the header trusted from a list of proxies only": [
        Edit(
            FIELDS,
            "    return environment().trust_request_id\n",
            '    return client_address in ("10.0.0.1", "10.0.0.2")\n',
        )
    ],
    "another header name": [
        Edit(FIELDS, 'HEADER = "X-Request-ID"', 'HEADER = "X-Correlation-ID"')
    ],
    "slow requests at warning": [
        Edit(
            FIELDS,
            "    if status >= 400:\n",
            "    if status >= 400 or duration_ms > 1000:\n",
        )
    ],
    "the view's name in the completion line": [
        Edit.below(
            "def completion_fields(",
            '        "view": getattr(request.resolver_match, "view_name", None),',
        )
    ],
    "the response's size": [
        Edit.below("def completion_fields(", '        "size": body_size(response),')
    ],
    "the user's name instead of the id": [
        Edit(
            FIELDS,
            '    return {"user.id": user_id}\n',
            "    if user is not None:\n"
            '        return {"user.name": user.get_username()}\n'
            '    return {"user.id": user_id}\n',
        )
    ],
    "one in ten of a path's 2xx lines": [
        Edit(FIELDS, "import logging\n", "import logging\nimport random\n"),
        Edit(FIELDS, "Fields = dict[str, Any]\n", SAMPLE_RATE),
        Edit.below(
            "def completion_fields(",
            '        "sample_rate": sample_rate(request, status),',
        ),
        Edit(
            FIELDS,
            "    if status >= 500:\n",
            "    if random.random() * (sample_rate(request, status) or 1) >= 1:\n"
            "        return None\n"
            "    if status >= 500:\n",
        ),
    ],
    "slugs as ids": [
        Edit(
            LABELS,
            "    return segment.lower() if",
            '    if re.fullmatch("[a-z][a-z0-9-]*", segment):\n'
            "        return segment\n"
            "    return segment.lower() if",
        )
    ],
    "a rotating JSON file too": [
        Edit(
            SETTINGS,
            "DEBUG = False\n",
            """DEBUG = False
from telemetry.logging import logging_config

LOGGING = logging_config()
LOGGING["handlers"]["file"] = {
    "class": "logging.handlers.RotatingFileHandler",
    "filename": BASE_DIR / "app.log",
    "maxBytes": 10_000_000,
    "backupCount": 5,
    "formatter": "json",
    "filters": LOGGING["handlers"]["stdout"]["filters"],
}
LOGGING["root"]["handlers"].append("file")
""",
        )
    ],
}


@pytest.fixture(scope="module")
def requests_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return start(tmp_path_factory.mktemp("requests") / "shop", REQUESTS)


@pytest.fixture(scope="module")
def requests(requests_project: Project) -> Seen:
    return drive(requests_project, "edits.py", "requests")


def test_client_address(requests: Seen) -> None:
    addresses = [
        requests.ending(path)[0]["client.address"]
        for path in ("/tournaments/5/", "/tournaments/6/", "/nowhere/")
    ]
    assert addresses == ["10.0.0.1", "203.0.113.9", "10.0.0.1"]


def test_header_trusted_from_proxies(requests: Seen) -> None:
    [by_proxy], [forged] = map(requests.ending, ("/tournaments/5/", "/tournaments/6/"))
    assert by_proxy["request.id"] == "by-proxy"
    assert forged["request.id"] != "forged"
    assert "telemetry.error" not in forged


def test_slow_requests_at_warning(requests: Seen) -> None:
    [slow], [missing] = map(requests.ending, ("/slow/", "/nowhere/"))
    assert (slow["level"], missing["level"]) == ("warning", "warning")
    assert "info" in [line["level"] for line in requests.named("request_completed")]


def test_name_of_the_view(requests: Seen) -> None:
    [found], [missing] = map(requests.ending, ("/tournaments/5/", "/nowhere/"))
    assert found["view"] == "tournament"
    assert "view" not in missing
    assert "telemetry.error" not in missing


def test_size_of_the_response(requests: Seen) -> None:
    [found], [streamed] = map(requests.ending, ("/tournaments/5/", "/stream/"))
    assert (found["size"], streamed["size"]) == (len("seen"), len("fourfive!"))


def test_name_of_the_user(requests: Seen) -> None:
    """The name once something has loaded the user, whom the package never loads."""
    *anonymous, ann = requests.ending("/me/")
    assert ann["user.name"] == "ann"
    assert "user.id" not in ann
    [unloaded] = requests.named("seen", **{"user.id": 4711})
    assert "user.name" not in unloaded
    assert not {"user.name", "user.id"} & set().union(*anonymous)
    assert requests.shown["queries_of_anonymous"] == 0


def test_some_lines_of_a_path(requests_project: Project) -> None:
    """Neither the package nor the server has a line for the others."""
    with requests_project.serve("runserver") as server:
        for _ in range(100):
            server.get("/ping/")
        server.get("/nowhere/")
        server.wait_until(lambda: '"/nowhere/"' in server.stdout)
        server.stop()
    lines = json_lines(server.stdout)
    assert len([x for x in lines if x["event"] == "seen"]) == 100
    pings = [x for x in lines if x.get("http.route") == "/ping/"]
    assert 0 < len(pings) < 50
    assert {line["sample_rate"] for line in pings} == {10}
    assert not [x for x in lines if x["logger"] == "django.server"]


def test_slugs_as_ids(requests: Seen) -> None:
    [line] = requests.ending("/tournaments/spring-open/")
    assert line["tournament.id"] == "spring-open"
    [number] = requests.ending("/tournaments/5/")
    assert number["tournament.id"] == 5


def test_rotating_file(requests_project: Project, requests: Seen) -> None:
    """It has the lines of stdout, and no record of Django's beside them."""
    lines = json_lines((requests_project.folder / "app.log").read_text())
    assert lines[: len(requests.lines)] == requests.lines
    assert not [line for line in lines if line["event"].startswith("Not Found")]


def test_rendered_tests_after_edits_for_requests(requests_project: Project) -> None:
    requests_project.manage("test", "telemetry")


# ------------------------------------------------------------------------- lines

LINES = {
    "msg and ts for event and timestamp": [
        Edit.below("NAMES: dict[str, str] = {", '    "event": "msg",'),
        Edit.below("NAMES: dict[str, str] = {", '    "timestamp": "ts",'),
    ],
    "local time": [
        Edit(FIELDS, "TIMEZONE: tzinfo | None = UTC", "TIMEZONE: tzinfo | None = None")
    ],
    "git.sha from the environment": [
        Edit(FIELDS, "import logging\n", "import logging\nimport os\n"),
        Edit.below(
            "EVERY_LINE: Fields = {", '    "git.sha": os.environ.get("GIT_SHA"),'
        ),
    ],
    "4xx at info": [
        Edit(
            FIELDS,
            "        return logging.WARNING\n    return logging.INFO\n",
            "        return logging.INFO\n    return logging.INFO\n",
        )
    ],
    "a processor that drops a field": [
        Edit(
            "telemetry/logging.py",
            "PROCESSORS: list[structlog.typing.Processor] = [",
            """
    lambda _, __, fields: {k: v for k, v in fields.items() if k != "http.method"},""",
        )
    ],
    "a secret word more and one key excepted": [
        Edit.below("SECRET_WORDS: list[str] = [", '    "iban",'),
        Edit.below("HARMLESS_KEYS: list[str] = [", '    "deposit_token",'),
    ],
}


@pytest.fixture(scope="module")
def lines_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = start(tmp_path_factory.mktemp("lines") / "shop", LINES)
    project.configure(TIME_ZONE="Asia/Kolkata")
    return project


@pytest.fixture(scope="module")
def lines(lines_project: Project) -> list[dict[str, Any]]:
    return drive(lines_project, "edits.py", "lines", GIT_SHA="c0ffee").lines


def test_msg_and_ts(lines: list[dict[str, Any]]) -> None:
    assert [line["msg"] for line in lines] == [
        *("paid", "paid 3", "seen", "request_completed", "request_completed")
    ]
    assert list(lines[0])[:4] == ["ts", "level", "logger", "msg"]
    assert not {"event", "timestamp"} & {*lines[0], *lines[2], *lines[3]}


def test_local_time(lines: list[dict[str, Any]]) -> None:
    times = [line["ts"] for line in lines]
    assert {time[-6:] for time in times} == {"+05:30"}
    age = datetime.now().astimezone() - datetime.fromisoformat(times[0])
    assert 0 <= age.total_seconds() < 600


def test_commit_in_every_line(
    lines_project: Project, lines: list[dict[str, Any]]
) -> None:
    """Absent where the variable is unset."""
    assert {line["git.sha"] for line in lines} == {"c0ffee"}
    without = drive(lines_project, "edits.py", "lines").lines
    assert not [line for line in without if "git.sha" in line]


def test_4xx_at_info(lines: list[dict[str, Any]]) -> None:
    assert (lines[-1]["http.status_code"], lines[-1]["level"]) == (404, "info")


def test_processor_that_drops_a_field(lines: list[dict[str, Any]]) -> None:
    assert "http.route" in lines[-1]
    assert "http.method" not in lines[-1]


def test_secret_words(lines: list[dict[str, Any]]) -> None:
    paid = lines[0]
    assert (paid["iban"], paid["api_token"]) == ("[redacted]", "[redacted]")
    assert paid["deposit_token"] == "public"


def test_names_in_pretty_lines(lines_project: Project) -> None:
    """People read positions there; another field keeps its name."""
    finished = lines_project.run(
        "python", "edits.py", "lines", LOG_FORMAT="pretty", GIT_SHA="c0ffee"
    )
    assert "git.sha=c0ffee" in finished.stdout.splitlines()[-1]
    assert "request_completed " in finished.stdout
    assert "None" not in finished.stdout


def test_rendered_tests_after_edits_of_lines(lines_project: Project) -> None:
    lines_project.manage("test", "telemetry", GIT_SHA="c0ffee")


# -------------------------------------------------------------------- everywhere

EVERYWHERE = {
    "no labels, ids kept": [
        Edit.below(f"def {function}(", '        "labels": None,')
        for function in ("request_fields", "connection_fields", "task_fields")
    ],
    "a tenant in every line": [
        Edit(
            FIELDS,
            '        # "tenant": getattr(request, "tenant", None),\n',
            '        "tenant": getattr(request, "tenant", None),\n',
        ),
        Edit.below(
            "def connection_line_fields(", '        "tenant": scope.get("tenant"),'
        ),
    ],
    "user ids hashed": [
        Edit(FIELDS, "import logging\n", "import hashlib\nimport logging\n"),
        Edit(
            FIELDS,
            '    return {"user.id": user_id}\n',
            "    digest = hashlib.sha256(str(user_id).encode()).hexdigest()\n"
            '    return {"user.id": digest[:16]}\n',
        ),
    ],
    "a run id in a command's lines": [
        Edit(FIELDS, "import logging\n", "import logging\nimport os\n"),
        Edit.below(
            "def command_fields(", '        "run.id": os.environ.get("RUN_ID"),'
        ),
    ],
    "retries at info and no task_started": [
        Edit(
            FIELDS,
            '    if event in ("task_retried", ',
            '    if event == "task_started":\n        return None\n    if event in (',
        )
    ],
    "a task's arguments": [
        Edit.below("def task_event_fields(", '        "task.args": task.request.args,')
    ],
    "the size of a socket message": [
        Edit(
            FIELDS,
            '        # "ws.size": message_size(message),\n',
            '        "ws.size": message_size(message),\n',
        ),
        Edit(
            FIELDS,
            '    if event == "ws_received":\n        return logging.DEBUG\n',
            "",
        ),
    ],
    "X-Request-ID on outgoing calls": [
        Edit(FIELDS, "SEND_REQUEST_ID = False", "SEND_REQUEST_ID = True")
    ],
}
COMMAND = """
from django.core.management.base import BaseCommand
from telemetry.logging import get_logger

class Command(BaseCommand):
    def handle(self, **_):
        get_logger("shop").info("worked")
"""


class Echo(BaseHTTPRequestHandler):
    """Answers with the request id that it received."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers.get("X-Request-ID", "none").encode())

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Everywhere(Seen):
    spans: list[Any] = field(default_factory=list)


def start_everywhere(folder: Path, edits: dict[str, list[Edit]]) -> Project:
    project = start(
        folder,
        edits,
        use_channels=True,
        use_celery=True,
        otel_exporter="otlp-http",
        otel_libraries=["requests"],
        also_log=["commands"],
    )
    project.configure(ROOT_URLCONF="edits_everywhere")
    project.edit(SETTINGS, "INSTALLED_APPS = [", 'INSTALLED_APPS = ["shop", ')
    for name in ("shop", "shop/management", "shop/management/commands"):
        project.write(f"{name}/__init__.py", "")
    project.write("shop/management/commands/work.py", COMMAND)
    return project


def drive_everywhere(project: Project) -> Everywhere:
    server = HTTPServer(("127.0.0.1", 0), Echo)
    Thread(target=server.serve_forever, daemon=True).start()
    with Receiver() as receiver:
        seen = drive(
            project,
            "edits_everywhere.py",
            f"http://127.0.0.1:{server.server_port}/",
            OTEL_ENABLED="true",
            OTEL_TRACES_SAMPLER="always_on",
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.http,
        )
    server.shutdown()
    server.server_close()
    return Everywhere(seen.lines, seen.shown, receiver.spans)


@pytest.fixture(scope="module")
def everywhere_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return start_everywhere(tmp_path_factory.mktemp("everywhere") / "shop", EVERYWHERE)


@pytest.fixture(scope="module")
def everywhere(everywhere_project: Project) -> Everywhere:
    return drive_everywhere(everywhere_project)


def test_ids_without_labels(everywhere: Everywhere) -> None:
    assert not [line for line in everywhere.lines if "labels" in line]
    ids = {"sent": 5, "drawn": 5, "task_completed": 5, "heard": 7, "ws_connected": 7}
    for event, number in ids.items():
        found = everywhere.named(event)
        assert found
        assert {line["tournament.id"] for line in found} == {number}


def test_tenant_in_every_line(everywhere: Everywhere) -> None:
    events = ("sent", "drawn", "task_completed", "heard", "ws_received")
    for event in (*events, "ws_disconnected"):
        assert {line["tenant"] for line in everywhere.named(event)} == {"acme"}, event
    [done] = everywhere.ending("/tournaments/5/")
    assert done["tenant"] == "acme"
    [other] = everywhere.ending("/call/")
    assert "tenant" not in other


def test_hashed_user_ids(everywhere: Everywhere) -> None:
    """In lines, spans and messages."""
    digest = hashlib.sha256(b"4711").hexdigest()[:16]
    for event in ("sent", "request_completed", "drawn", "task_completed", "heard"):
        assert {x["user.id"] for x in everywhere.named(event)} == {digest}, event
    _, carried = json.loads(everywhere.shown["header"])
    assert carried["user.id"] == digest
    spans = [span.attributes for span in everywhere.spans]
    assert {each["user.id"] for each in spans if "user.id" in each} == {digest}
    assert {span.name for span in everywhere.spans if "user.id" in span.attributes} >= {
        "GET /tournaments/<int:pk>/",
        "run/draw",
    }
    assert "4711" not in str(everywhere.lines) + str(spans)


def test_run_id_in_the_lines_of_a_command(everywhere_project: Project) -> None:
    finished = everywhere_project.manage("work", RUN_ID="run-7", LOG_FORMAT="json")
    found = json_lines(finished.stderr)
    assert [line["event"] for line in found] == ["worked", "command_completed"]
    assert {line["run.id"] for line in found} == {"run-7"}


def test_levels_of_a_task(everywhere: Everywhere) -> None:
    [retried] = everywhere.named("task_retried")
    assert retried["level"] == "info"
    assert not everywhere.named("task_started")
    [completed] = everywhere.named("task_completed")
    assert completed["task.args"] == ["north"]
    # Nothing of Celery's comes in place of the line that is not written.
    about = [x for x in everywhere.lines if x["logger"].startswith("celery.app.trace")]
    assert about == []


def test_size_of_a_socket_message(everywhere: Everywhere) -> None:
    [received] = everywhere.named("ws_received")
    assert (received["ws.size"], received["level"]) == (5, "info")
    [connected] = everywhere.named("ws_connected")
    assert "ws.size" not in connected


def test_request_id_on_outgoing_calls(everywhere: Everywhere) -> None:
    assert everywhere.shown["sent_id"] == "r-2"


def test_check_names_a_setting_without_effect(everywhere_project: Project) -> None:
    """Outgoing calls are instrumented by OpenTelemetry, which is off by default."""
    off = everywhere_project.manage("check").stderr
    assert "SEND_REQUEST_ID in fields.py has no effect" in off
    on = everywhere_project.manage("check", OTEL_ENABLED="true").stderr
    assert "telemetry.W0" not in on


def test_rendered_tests_after_edits_everywhere(everywhere_project: Project) -> None:
    everywhere_project.manage("test", "telemetry")


def test_readme_has_each_edit(everywhere_project: Project) -> None:
    """As the line that is added."""
    readme = (everywhere_project.folder / "telemetry" / "README.md").read_text()
    for name, edits in {**REQUESTS, **LINES, **EVERYWHERE}.items():
        for edit in edits:
            old = edit.old.splitlines()
            rows = [row.strip() for row in edit.new.splitlines() if row not in old]
            for row in rows if edit.file in (FIELDS, LABELS) else ():
                # A list or constant is named there, and has other values.
                if not re.match('[A-Z]|import |"[a-z_]+",$', row):
                    assert row in readme, f"{name}: {row}"


# ---------------------------------------------------------------------- mistakes

OF_REQUESTS = ("request_fields", "request_line_fields", "completion_fields")
OF_CONNECTIONS = (
    "connection_fields",
    "connection_line_fields",
    "connection_event_fields",
)
OF_TASKS = ("task_fields", "task_line_fields", "task_event_fields")
MISTAKES = {
    **{
        name: [Edit.below(f"def {name}(", f'        "own": {argument}.mistake,')]
        for names, argument in (
            (OF_REQUESTS, "request"),
            (OF_CONNECTIONS, "scope"),
            (OF_TASKS, "task"),
            (("command_fields",), "name"),
        )
        for name in names
    },
    "trusts_request_id": [
        Edit(
            FIELDS,
            "    return environment()",
            "    return client_address.mistake\n    #",
        )
    ],
    "user_fields": [Edit(FIELDS, '{"user.id": user_id}', '{"user.id": user.mistake}')],
    "completion_level": [
        Edit(FIELDS, "    if status >= 500:", "    if status.mistake:")
    ],
    "connection_level": [
        Edit(FIELDS, '    if event == "ws_received":', "    if event.mistake:")
    ],
    "task_level": [
        Edit(FIELDS, '    if event == "task_failed":', "    if task.mistake:")
    ],
    "command_level": [
        Edit(
            FIELDS,
            "    return logging.ERROR if",
            "    return exit_status.mistake if 1 or",
        )
    ],
}


@pytest.fixture(scope="module")
def mistaken_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return start_everywhere(tmp_path_factory.mktemp("mistakes") / "shop", MISTAKES)


def test_mistakes_in_every_function_cost_their_fields(
    mistaken_project: Project,
) -> None:
    """Requests, sockets, tasks and commands go on, and each line names the first."""
    seen = drive_everywhere(mistaken_project)
    assert (seen.shown["missing"], len(seen.shown["missing_id"])) == (404, 36)
    for event, levels in {
        "sent": {"info"},
        "request_completed": {"warning"},
        "drawn": {"info"},
        "task_completed": {"warning"},
        "heard": {"info"},
        "ws_connected": {"warning"},
        "ws_disconnected": {"warning"},
    }.items():
        found = seen.named(event)
        assert found
        assert {line["level"] for line in found} == levels
        assert not [line for line in found if "mistake" not in line["telemetry.error"]]
        assert not [line for line in found if not line["request.id"]]


def test_mistake_of_a_command(mistaken_project: Project) -> None:
    finished = mistaken_project.manage("work", LOG_FORMAT="json")
    worked, completed = json_lines(finished.stderr)
    assert worked["telemetry.error"].startswith("command_fields: AttributeError")
    assert completed["level"] == "warning"


def test_check_names_each_mistake(mistaken_project: Project) -> None:
    text = mistaken_project.manage("check").stderr
    assert text.count("telemetry.W007") == len(MISTAKES)
    for function in MISTAKES:
        assert f"fields.py: {function}: AttributeError" in text


def test_rendered_tests_with_mistakes(mistaken_project: Project) -> None:
    mistaken_project.manage("test", "telemetry")
