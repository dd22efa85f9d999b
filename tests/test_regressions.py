"""What failed in real projects stays mended, each case on the lines that come out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .support import Project, json_lines

URLS = """
import asyncio
import structlog
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpResponse
from django.urls import path

def ok(request):
    return HttpResponse()

def denied(request):
    raise PermissionDenied("belongs to somebody else")

def bad(request):
    raise BadRequest("limit must be a number")

def sick(request):
    return HttpResponse(status=503)

async def cancels(request):
    task = asyncio.create_task(asyncio.sleep(10))
    task.cancel()
    await task

class Member:
    is_authenticated, pk = True, 7

def ninja(request):
    request.auth = Member()
    return HttpResponse()

views = [ok, denied, bad, sick, cancels, ninja]
urlpatterns = [path(f"{view.__name__}/", view) for view in views]
"""
START = """
import json, logging, sys, django
django.setup()
from django.test import AsyncClient, Client
from telemetry.logging import PROCESSORS, get_logger
log, plain = get_logger("shop"), logging.getLogger("shop")
client = Client(raise_request_exception=False, headers={"host": "localhost"})
"""

# Of each fault: what is done, and what is then true of the lines, or of the
# JSON that stderr ends with.
CASES: dict[str, tuple[str, str]] = {
    "1 records can be pickled": (
        """
import logging.handlers, multiprocessing, pickle
class Pickling(logging.Handler):
    def emit(self, record):
        pickle.dumps(record)
logging.root.addHandler(Pickling())
queue = multiprocessing.Queue()
logging.root.addHandler(logging.handlers.QueueHandler(queue))
log.info("sent", price=3)
print(json.dumps(queue.get(timeout=10).price), file=sys.stderr)
""",
        "said == 3 and lines[0]['price'] == 3",
    ),
    "2 a filter masks every line": (
        """
class Mask(logging.Filter):
    def filter(self, record):
        record.msg = str(record.msg).replace("ann@example.com", "***")
        record.host = "web-1"
        return True
logging.root.handlers[0].addFilter(Mask())
log.info("mail to ann@example.com")
plain.info("mail to ann@example.com")
""",
        "[(x['event'], x['host']) for x in lines] == [('mail to ***', 'web-1')] * 2",
    ),
    "2 a record factory is seen by every line": (
        """
make = logging.getLogRecordFactory()
def factory(*args, **kwargs):
    record = make(*args, **kwargs)
    record.region = "eu"
    return record
logging.setLogRecordFactory(factory)
log.info("one")
plain.info("two")
""",
        "[x['region'] for x in lines] == ['eu', 'eu']",
    ),
    "3 other formatters see fields and nothing of ours": (
        """
class Names(logging.Handler):
    standard = set(vars(logging.makeLogRecord({})))
    def emit(self, record):
        names.append(sorted(set(vars(record)) - self.standard))
names = []
logging.root.addHandler(Names())
log.info("sold", price=3)
print(json.dumps(names), file=sys.stderr)
""",
        "said == [['price']]",
    ),
    "4 standard processors work": (
        """
import structlog
PROCESSORS += [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.CallsiteParameterAdder(
        {structlog.processors.CallsiteParameter.FUNC_NAME}
    ),
]
def sell():
    log.info("one")
    plain.info("two")
sell()
""",
        "[x['func_name'] for x in lines] == ['sell', 'sell']"
        " and not {'level_', 'logger_'} & {*lines[0], *lines[1]}",
    ),
    "17 what a second handler's formatter sets stays out": (
        """
class Marking(logging.Formatter):
    def format(self, record):
        record.mark = "x"
        record.levelname = "ODD"
        return super().format(record)
marking = logging.FileHandler("/dev/null")
marking.setFormatter(Marking())
logging.root.addHandler(marking)
log.info("one")
plain.info("two")
plain.addHandler(marking)
log.info("three")
""",
        "[x['level'] for x in lines] == ['info'] * 3 and 'mark' not in lines[1]",
    ),
    "7 a logger opened for a file does not flood stdout": (
        """
logging.getLogger("celery").setLevel("DEBUG")
logging.getLogger("celery").debug("detail")
log.info("seen")
""",
        "[x['event'] for x in lines] == ['seen']",
    ),
    "9 lines follow a replaced stdout": (
        """
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()) as held:
    client.get("/ok/")
print(json.dumps(held.getvalue().count("request_completed")), file=sys.stderr)
""",
        "said == 1 and lines == []",
    ),
    "19 the reason for a 403 and a 400 is in the line": (
        """
client.get("/denied/")
client.get("/bad/")
""",
        "[(x['http.status_code'], x['error.message']) for x in lines] == "
        "[(403, 'belongs to somebody else'), (400, 'limit must be a number')]",
    ),
    "23 a view that is cancelled by itself has failed": (
        """
import asyncio
async def ask():
    try:
        await AsyncClient().get("/cancels/")
    except asyncio.CancelledError:
        pass
asyncio.run(ask())
""",
        "[x['event'] for x in lines] == ['request_failed']",
    ),
    "24 the user of django-ninja is seen": (
        """
client.get("/ninja/")
""",
        "lines[0]['user.id'] == 7",
    ),
    "25 keys and texts that are no secrets are shown": (
        """
log.info("the token: field is required", token_count=5, max_token=9, token_type="x",
    next_page_token="n", has_password=False, cookie_consent=True,
    password_changed_at="2026", jwt_enabled=True)
""",
        "'[redacted]' not in str(lines)",
    ),
    "26 a time has its microseconds": (
        """
record = logging.makeLogRecord({"name": "shop", "created": 1.0, "levelno": 20})
logging.root.handle(record)
""",
        "lines[0]['timestamp'] == '1970-01-01T00:00:01.000000Z'",
    ),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("field") / "shop",
        extra=["gunicorn"],
        otel_exporter="none",
    )
    project.write("config/urls.py", URLS)
    project.configure(
        ALLOWED_HOSTS=["localhost", "127.0.0.1", "testserver"], DEBUG=False
    )
    return project


@pytest.mark.parametrize("fault", CASES)
def test_a_fault_from_the_field(project: Project, fault: str) -> None:
    script, is_right = CASES[fault]
    finished = project.run("python", "-c", START + script)
    lines = json_lines(finished.stdout)
    said: Any = (
        json.loads(finished.stderr.splitlines()[-1]) if finished.stderr else None
    )
    assert eval(is_right, {"lines": lines, "said": said}), (lines, finished.stderr)


def test_a_failing_health_check_is_seen(project: Project) -> None:
    """Fault 20."""
    script = START + 'client.get("/ok/"); client.get("/sick/")'
    finished = project.run("python", "-c", script, TELEMETRY_EXCLUDED_PATHS="/*")
    [line] = json_lines(finished.stdout)
    assert (line["http.status_code"], line["level"]) == (503, "error")


@pytest.mark.parametrize("switch", ["true", "false"])
def test_logging_that_the_project_does_alone_is_left_alone(
    project: Project, switch: str
) -> None:
    """Faults 10 and 11."""
    settings = project.settings.read_text()
    project.write(
        "config/settings.py",
        settings
        + """
import logging.config, structlog
LOGGING_CONFIG = None
logging.config.dictConfig({
    "version": 1,
    "formatters": {"mine": {"format": "mine %(message)s"}},
    "handlers": {"mine": {"class": "logging.StreamHandler", "formatter": "mine"}},
    "root": {"handlers": ["mine"], "level": "WARNING"},
})
structlog.configure(processors=[structlog.processors.KeyValueRenderer()])
""",
    )
    try:
        script = START + 'plain.info("no"); plain.warning("yes")\n'
        script += 'import structlog; structlog.get_logger().info("own", a=1)'
        finished = project.run("python", "-c", script, TELEMETRY_ENABLED=switch)
        check = project.manage("check", TELEMETRY_ENABLED=switch).stderr
    finally:
        project.write("config/settings.py", settings)
    assert finished.stderr == "mine yes\n"
    assert finished.stdout == "a=1 event='own'\n"
    assert ("telemetry.W003" in check, "telemetry.W005" in check) == (
        (True, True) if switch == "true" else (False, False)
    )


def test_an_access_log_that_was_asked_for_is_written(
    project: Project, tmp_path: Path
) -> None:
    """Fault 12."""
    access, error = tmp_path / "access.log", tmp_path / "error.log"
    files = [f"--access-logfile={access}", f"--error-logfile={error}"]
    with project.serve("gunicorn", *files) as server:
        server.get("/ok/")
        server.stop()
    assert '"GET /ok/ ' in access.read_text()
    assert "Booting worker" in error.read_text()


def test_a_missing_static_file_is_seen_under_runserver(project: Project) -> None:
    """Fault 18: it is answered before any middleware, and has Django's line."""
    settings = project.settings.read_text()
    project.configure(DEBUG=True)
    try:
        with project.serve("runserver", LOG_FORMAT="json") as server:
            assert server.get("/static/missing.css?token=planted").status == 404
            assert server.get("/ok/?token=planted").status == 200
            server.wait_for("request_completed")
            server.stop()
    finally:
        project.write("config/settings.py", settings)
    lines = json_lines(server.stdout)
    [missing] = [line for line in lines if "missing.css" in line["event"]]
    assert missing["logger"] == "django.server"
    assert missing["level"] == "warning"
    assert [line["event"] for line in lines if "/ok/" in str(line)] == [
        "request_completed"
    ]
    assert "planted" not in server.stdout


@pytest.mark.parametrize(
    ("level", "expected"), [("WARN", "WARNING"), ("FATAL", "CRITICAL")]
)
def test_short_names_of_levels_stop_nothing(
    project: Project, level: str, expected: str
) -> None:
    """Fault 27."""
    script = START + "print(logging.getLevelName(logging.root.level), file=sys.stderr)"
    project.manage("check", "--fail-level=WARNING", LOG_LEVEL=level)
    finished = project.run("python", "-c", script, LOG_LEVEL=level)
    assert finished.stderr.strip() == expected


def test_commands_run_without_requirements_txt(project: Project) -> None:
    """Fault 36."""
    file = project.folder / "telemetry" / "requirements.txt"
    text = file.read_text()
    file.unlink()
    try:
        assert "no issues" in project.manage("check").stdout
    finally:
        file.write_text(text)


def test_handlers_are_there_once_when_django_is_set_up_again(
    project: Project, tmp_path: Path
) -> None:
    """runserver calls `django.setup()` twice; a tool's handler stays."""
    settings = project.settings.read_text()
    project.write(
        "config/settings.py",
        settings
        + f"""
from telemetry.logging import logging_config
LOGGING = logging_config()
LOGGING["handlers"]["file"] = {{
    "class": "logging.FileHandler",
    "filename": {str(tmp_path / "lines.log")!r},
    "formatter": "json",
}}
LOGGING["root"]["handlers"].append("file")
""",
    )
    script = START + (
        "class Tool(logging.Handler):\n"
        "    def emit(self, record):\n"
        "        print(json.dumps(record.getMessage()), file=sys.stderr)\n"
        "logging.root.addHandler(Tool())\n"
        "django.setup()\n"
        "log.info('once')\n"
    )
    try:
        finished = project.run("python", "-c", script)
    finally:
        project.write("config/settings.py", settings)
    for text in (finished.stdout, (tmp_path / "lines.log").read_text()):
        assert [line["event"] for line in json_lines(text)] == ["once"]
    assert finished.stderr == '"once"\n'


def test_loggers_have_the_documented_names_inside_a_package(tmp_path: Path) -> None:
    """Fault 8: a handler of `acme` gets the lines of `acme`, not ours."""
    project = Project.start(tmp_path / "shop", otel_exporter="none")
    project.write("acme/__init__.py", "")
    (project.folder / "telemetry").rename(project.folder / "acme" / "telemetry")
    project.edit("config/settings.py", '"telemetry"', '"acme.telemetry"')
    project.edit("config/settings.py", '"telemetry.', '"acme.telemetry.')
    script = """
import logging, sys, django
django.setup()
from django.test import Client
logging.getLogger("acme").addHandler(logging.StreamHandler(sys.stderr))
logging.getLogger("acme.orders").warning("theirs")
Client(headers={"host": "localhost"}).get("/nowhere/")
"""
    finished = project.run("python", "-c", script, LOG_FORMAT="json")
    assert finished.stderr == "theirs\n"
    [_, line] = json_lines(finished.stdout)
    assert line["logger"] == "telemetry.middleware"
