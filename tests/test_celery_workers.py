"""Tasks in real projects under real workers: whose they are, and how they ended."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .support import REPOSITORY, Process, Project, json_lines
from .support.redis import redis

PROJECT_FILES = Path(__file__).parent / "project_files"
EXTRA = ("celery[redis,msgpack,sqlalchemy]",)

APPLICATION = """
import os
from celery import Celery
from telemetry.celery import TelemetryTask

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("shop", task_cls=TelemetryTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["config"])
"""

# Pool, broker and serializer of each worker.
WORKERS = [
    ("prefork", "redis", "json"),
    ("threads", "redis", "msgpack"),
    ("solo", "sqlite", "json"),
    ("prefork", "sqlite", "msgpack"),
]

COMPLETED = {
    "plain": {"add": 1},
    "countdown": {"add": 1},
    "chain": {"add": 3},
    "group": {"add": 2},
    "chord": {"add": 2, "total": 1},
    "nested": {"nest": 3},
    "by-name": {"add": 1},
    "headers": {"headers": 1},
    "odd": {"add": 1},
    "by-hand": {"add": 3},
}

STARTED, RETRIED, FAILED = "task_started", "task_retried", "task_failed"

ENDS = {
    "fail": [STARTED, FAILED],
    "ignore": [STARTED, "task_ignored"],
    "reject": [STARTED, "task_rejected"],
    "flaky": [STARTED, RETRIED, STARTED, "task_completed"],
    "hopeless": [STARTED, RETRIED, STARTED, FAILED],
    "unserializable": [STARTED, FAILED],
}

PROCESS_ENDS = {
    "too_long_softly": [STARTED, FAILED],
    "too_long": [STARTED, FAILED],
    "kill": [STARTED, FAILED],
    "leave": [STARTED, FAILED],
    "kill_once": [STARTED, STARTED, "task_completed"],
}

ERRORS = {
    "too_long_softly": "billiard.exceptions.SoftTimeLimitExceeded",
    "too_long": "billiard.exceptions.TimeLimitExceeded",
    "kill": "billiard.exceptions.WorkerLostError",
    "leave": "billiard.exceptions.WorkerLostError",
}


# The names of the rendered tests of tasks.
TESTS = re.findall(
    r"def (test_\w+)",
    (REPOSITORY / "template/telemetry/tests/test_celery.py").read_text(),
)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return start(tmp_path_factory.mktemp("tasks") / "shop", APPLICATION)


def start(folder: Path, application: str) -> Project:
    project = Project.start(folder, extra=EXTRA, use_celery=True, otel_exporter="none")
    project.write("config/__init__.py", "from .celery import app\n")
    project.write("config/celery.py", application)
    project.write("config/tasks.py", (PROJECT_FILES / "tasks.py").read_text())
    project.write("send.py", (PROJECT_FILES / "send.py").read_text())
    project.write("publish.py", (PROJECT_FILES / "publish.py").read_text())
    project.environ["LOG_FORMAT"] = "json"
    return project


@pytest.fixture
def broker(project: Project, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Give the project a broker, as asked by the test's parameter; else Redis."""
    kind, serializer = getattr(request, "param", ("redis", "json"))
    if kind == "redis":
        url = request.getfixturevalue("redis_url")
        settings = {"BROKER_URL": f"{url}/0", "RESULT_BACKEND": f"{url}/1"}
        options: dict[str, Any] = {"global_keyprefix": tmp_path.name}
    else:
        settings = {
            "BROKER_URL": f"sqla+sqlite:///{tmp_path}/queue.sqlite3",
            "RESULT_BACKEND": f"db+sqlite:///{tmp_path}/results.sqlite3",
        }
        options = {"connect_args": {"timeout": 30}}
    settings |= {"TASK_SERIALIZER": serializer, "RESULT_SERIALIZER": serializer}
    text = "from config.settings import *\n"
    text += f"CELERY_BROKER_TRANSPORT_OPTIONS = {options!r}\n"
    text += "CELERY_ACCEPT_CONTENT = ['json', 'msgpack']\n"
    text += "CELERY_BEAT_SCHEDULE = "
    text += "{'tick': {'task': 'config.tasks.tick', 'schedule': 1}}\n"
    text += "".join(f"CELERY_{key} = {value!r}\n" for key, value in settings.items())
    project.write(f"config/{module(tmp_path)}.py", text)
    project.environ["DJANGO_SETTINGS_MODULE"] = f"config.{module(tmp_path)}"


def module(folder: Path) -> str:
    return "settings_" + "".join(c if c.isalnum() else "_" for c in folder.name)


@contextmanager
def worker(project: Project, *arguments: str, **environ: str) -> Iterator[Process]:
    """Run a worker; all that it wrote to stdout, to its end, must be our JSON."""
    command = ["--app=config", "worker", "--concurrency=2", *arguments]
    with project.spawn("celery", *command, **environ) as process:
        process.wait_for_text("ready.", timeout=60)
        yield process
    for line in process.stdout.splitlines():
        if not line or line.startswith("worker: "):
            continue  # Celery prints that a signal stops it.
        assert json.loads(line)["timestamp"], line
    assert "Traceback" not in process.stderr


def send(project: Project, *arguments: str) -> str:
    return project.run("python", "send.py", *arguments).stdout.strip()


def ours(process: Process, request_id: str) -> list[str]:
    """The names of the lines that the runs of a request's tasks leave."""
    return [
        line["event"]
        for line in json_lines(process.stdout)
        if line["logger"] == "telemetry.celery" and line["request.id"] == request_id
    ]


def completed(process: Process) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for line in process.events("task_completed"):
        name = line["task.name"].rpartition(".")[2]
        found.setdefault(line["request.id"], Counter())[name] += 1
    return {id: dict(names) for id, names in found.items()}


@pytest.mark.parametrize(
    ("pool", "broker"),
    [(pool, (broker, serializer)) for pool, broker, serializer in WORKERS],
    ids=map("-".join, WORKERS),
    indirect=["broker"],
)
@pytest.mark.usefixtures("broker")
def test_context_travels_and_endings_are_told(project: Project, pool: str) -> None:
    with worker(project, f"--pool={pool}") as process:
        send(project, "travel")
        process.wait_until(lambda: completed(process) == COMPLETED, timeout=60)
        send(project, "end")
        process.wait_until(
            lambda: {id: ours(process, id) for id in ENDS} == ENDS, timeout=30
        )

    lines = json_lines(process.stdout)
    seen = [line for line in lines if line["event"].startswith("seen")]
    assert {line["request.id"] for line in seen} == set(COMPLETED)
    assert {line["user.id"] for line in seen} == {7, 8}
    assert all(line["task.name"].startswith("config.tasks.") for line in seen)
    [plain, _] = [line for line in seen if line["request.id"] == "plain"]
    assert (plain["labels"], plain["draft.id"]) == (["draft"], 12)
    [own] = [line for line in seen if line["request.id"] == "headers"]
    assert own["tenant"] == "north"
    nested = [line.get("bound") for line in seen if line["request.id"] == "nested"]
    assert set(nested) == {None, "at 2", "at 1"}

    for line in process.events("task_completed"):
        assert line["duration_ms"] >= 0
        # The time that a countdown takes is none that the queue takes.
        assert 0 <= line["queue_wait_ms"] < 60_000

    # Each failure once, whoever else would tell it too.
    told = Counter(
        line["request.id"]
        for line in lines
        if {"error.type", "request.id"} <= line.keys()
    )
    assert told == {"fail": 1, "hopeless": 1, "unserializable": 1}
    assert not [line for line in lines if "succeeded in" in line["event"]]
    # The arguments of a task are nobody's business.
    assert not [line for line in lines if "data" in line or "args" in line]


def test_the_task_class_may_be_given_by_its_name(
    tmp_path: Path, redis_url: str
) -> None:
    """Celery imports it then when the worker has already begun."""
    named = APPLICATION.replace("from telemetry.celery import TelemetryTask\n", "")
    named = named.replace("=TelemetryTask", "='telemetry.celery:TelemetryTask'")
    project = start(tmp_path / "shop", named)
    project.configure(CELERY_BROKER_URL=f"{redis_url}/2")
    with worker(project, "--loglevel=INFO") as process:
        project.run("python", "-c", "import config.tasks as t; t.add.delay(1, 2)")
        [line] = process.wait_for("task_completed")
    assert line["task.name"] == "config.tasks.add"


@pytest.mark.usefixtures("broker")
def test_the_end_of_a_pool_process_is_told_once(
    project: Project, tmp_path: Path
) -> None:
    with worker(project) as process:
        send(project, "end_the_process", str(tmp_path / "marker"))
        process.wait_until(
            lambda: {id: ours(process, id) for id in PROCESS_ENDS} == PROCESS_ENDS,
            timeout=60,
        )
    failed = process.events("task_failed")
    assert {line["request.id"]: line["error.type"] for line in failed} == ERRORS
    lines = json_lines(process.stdout)
    told = Counter(
        line.get("request.id")
        for line in lines
        if {"error.type", "request.id"} <= line.keys()
    )
    assert told == dict.fromkeys(ERRORS, 1)
    # Celery's own record stays where the task is delivered again, as no line of
    # ours has the error, and is left out for the others.
    [requeued] = [line for line in lines if "handler raised error" in line["event"]]
    assert "signal 9" in requeued["error.message"]


@pytest.mark.usefixtures("broker")
def test_a_revoked_task_is_told_once(project: Project) -> None:
    with worker(project) as process:
        id = send(project, "revoke")
        process.wait_for("waiting")
        send(project, "terminate", id)
        process.wait_for("task_revoked", count=3)
    assert ours(process, "expired") == ["task_revoked"]
    assert ours(process, "revoked") == ["task_revoked"]
    assert ours(process, "terminated") == [STARTED, "task_revoked"]
    revoked = {line["request.id"]: line for line in process.events("task_revoked")}
    assert revoked["expired"]["expired"] is True
    assert revoked["terminated"]["terminated"] is True
    assert process.events("task_failed") == []


@pytest.mark.usefixtures("broker")
def test_beat(project: Project, tmp_path: Path) -> None:
    """What it starts is a request of its own, which the tasks after it share."""
    beat = ["--quiet", "--app=config", "beat", f"--schedule={tmp_path}/schedule"]
    with (
        worker(project, "--pool=solo") as process,
        project.spawn("celery", *beat) as clock,
    ):
        process.wait_for("task_completed", count=2, timeout=60)
        clock.stop()
    first, second = process.events("task_completed")[:2]
    assert first["task.name"] == "config.tasks.tick"
    assert second["task.name"] == "config.tasks.add"
    assert first["request.id"] == second["request.id"] == first["task.id"]
    sent = [json.loads(line)["event"] for line in clock.stdout.splitlines()]
    assert any("Sending due task tick" in event for event in sent)


SEND = "import config.tasks as t; t.prints.delay(); t.foreign.delay(); "
SEND += "from config.celery import app; app.send_task('config.tasks.unknown')"


@pytest.mark.parametrize("pool", ["prefork", "solo"])
@pytest.mark.usefixtures("broker")
def test_prints_other_bases_and_unknown_tasks_have_their_lines(
    project: Project, pool: str
) -> None:
    with worker(project, f"--pool={pool}", "--loglevel=INFO") as process:
        project.run("python", "-c", SEND)
        process.wait_for_text("unregistered task", timeout=30)
        process.wait_for_text("succeeded in", timeout=30)
        process.wait_for_text("printed", timeout=30)
    lines = json_lines(process.stdout)
    [printed] = [line for line in lines if line["event"] == "printed"]
    assert printed["logger"] == "celery.redirected"
    assert printed["task.name"] == "config.tasks.prints"
    # A task with another base keeps Celery's line, and has no other.
    [plain] = [line for line in lines if "succeeded in" in line["event"]]
    assert plain["task.name"] == "config.tasks.foreign"
    [unknown] = [line for line in lines if "unregistered task" in line["event"]]
    assert unknown["level"] == "error"
    assert unknown["task.name"] == "config.tasks.unknown"
    assert unknown["task.id"]


def test_what_a_task_prints_is_a_line_in_a_process_that_starts_anew(
    tmp_path: Path, redis_url: str
) -> None:
    """As on macOS, where the pool does not fork."""
    project = start(tmp_path / "shop", APPLICATION)
    project.configure(
        CELERY_BROKER_URL=f"{redis_url}/4", CELERY_WORKER_POOL_START_METHOD="spawn"
    )
    with worker(project) as process:
        project.run("python", "-c", "import config.tasks as t; t.prints.delay()")
        [line] = process.wait_for("printed", timeout=60)
    assert line["task.name"] == "config.tasks.prints"


LISTENING = """
import logging
from celery import signals

def listen(logger, **options):
    handler = logging.FileHandler(f"{logger.name}.log")
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    logger.addHandler(handler)

signals.after_setup_logger.connect(listen)
signals.after_setup_task_logger.connect(listen)
"""


@pytest.mark.usefixtures("broker")
def test_handlers_that_a_project_adds_to_celerys_loggers_get_their_records(
    tmp_path: Path, redis_url: str
) -> None:
    """Celery documents two signals for that, sent once logging is set up."""
    project = start(tmp_path / "shop", APPLICATION + LISTENING)
    project.configure(CELERY_BROKER_URL=f"{redis_url}/3", DEBUG=False)
    del project.environ["LOG_FORMAT"]  # JSON without DEBUG.
    with worker(project, "--pool=solo") as process:
        project.run("python", "-c", "import config.tasks as t; t.audited.delay()")
        process.wait_for("task_completed")
    root, tasks = [project.folder / f"{name}.log" for name in ("root", "celery.task")]
    assert "telemetry.celery task_completed" in root.read_text()
    assert tasks.read_text() == "config.tasks audited\n"
    assert len(process.events("audited")) == 1


def publish(project: Project, *arguments: str) -> str:
    return project.run("python", "publish.py", *arguments).stdout.strip()


@pytest.mark.usefixtures("broker")
def test_a_message_cannot_set_what_is_the_tasks_own(project: Project) -> None:
    """Whoever can publish writes its header."""
    with worker(project, "--pool=solo") as process:
        publish(project, "forge")
        [line] = process.wait_for("task_completed")
    assert (line["task.id"], line["task.name"]) == ("forged", "config.tasks.add")
    assert line["level"] == "info"
    assert line["timestamp"] > "2026"
    assert (line["request.id"], line["user.id"]) == ("r-1", 7)
    assert (line["labels"], line["draft.id"]) == (["draft"], 12)
    assert line["tenant"] == "north"
    unwanted = {"trace_id", "span_id", "exception", "two words", "long", "deep"}
    assert not unwanted & line.keys()
    assert all(len(key) < 100 and not key.endswith("_") for key in line)


@pytest.mark.usefixtures("broker")
def test_an_odd_header_loses_no_line(project: Project) -> None:
    with worker(project, "--pool=solo") as process:
        count = int(publish(project, "oddities"))
        process.wait_for("task_completed", count=count + 1)
    for line in process.events("task_completed"):
        assert ours(process, line["task.id"]) == [STARTED, "task_completed"]
    assert "Signal handler" not in process.stdout


SECRET = "arg-7f3c"


@pytest.mark.parametrize("pool", ["prefork", "solo"])
@pytest.mark.usefixtures("broker")
def test_the_arguments_of_a_task_are_in_no_line(project: Project, pool: str) -> None:
    """Celery quotes a message that it cannot use, and at DEBUG each one."""
    with worker(project, f"--pool={pool}", LOG_LEVEL="DEBUG") as process:
        publish(project, "quoting")
        process.wait_for_text("unregistered task", timeout=30)
        process.wait_for("task_failed")
        process.wait_for_text("no-task", timeout=30)
    lines = json_lines(process.stdout)
    assert SECRET not in process.stdout
    [unknown] = [line for line in lines if line.get("task.id") == "unknown"]
    assert unknown["level"] == "error"
    assert unknown["task.name"] == "config.tasks.unknown"


FOREIGN = """
from celery import Task

@app.task
def mine(): ...

@app.task(base=Task)
def foreign(): ...
"""
LISTENER = """
def listen(sender, **_):
    print("finalized")
app.on_after_finalize.connect(listen)
"""


def test_check_names_tasks_with_a_base_of_their_own(tmp_path: Path) -> None:
    """They have Celery's lines only."""
    project = start(tmp_path / "shop", APPLICATION + FOREIGN)
    [line] = re.findall(r".*W004.*", project.manage("check").stderr)
    assert "leave no lines: ['config.celery.foreign']" in line
    # Celery lists tasks after it has called this, which may need the database.
    project.write("config/celery.py", APPLICATION + FOREIGN + LISTENER)
    assert "finalized" not in project.manage("check").stdout


@pytest.mark.parametrize("number", range(3))
def test_the_rendered_tests_of_tasks_pass_alone(project: Project, number: int) -> None:
    """Whatever order they have, and whatever broker the environment names."""
    url = "redis://127.0.0.1:1/0"
    project.environ |= {"CELERY_BROKER_URL": url, "CELERY_RESULT_BACKEND": url}
    try:
        tests = ["telemetry.tests.test_celery", f"--shuffle={number}", "--failfast"]
        project.manage("test", *tests)
        for name in TESTS[number::3]:
            project.manage("test", f"telemetry.tests.test_celery.TaskTests.{name}")
    finally:
        del project.environ["CELERY_BROKER_URL"]
        del project.environ["CELERY_RESULT_BACKEND"]


@pytest.mark.usefixtures("broker")
def test_a_log_file_gets_the_lines(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "worker.log"
    command = ["--app=config", "worker", "--pool=solo", f"--logfile={file}"]
    with project.spawn("celery", *command) as process:
        project.run("python", "-c", "import config.tasks as t; t.add.delay(1, 2)")
        process.wait_until(
            lambda: file.exists() and "task_completed" in file.read_text(), timeout=60
        )
    events = [line["event"] for line in json_lines(file.read_text())]
    assert events.count("task_completed") == 1
    # Celery warns of a worker that is root before it has opened the file.
    stdout = [line["logger"] for line in json_lines(process.stdout)]
    assert set(stdout) <= {"py.warnings"}


@pytest.mark.usefixtures("broker")
def test_the_off_switch_is_celerys_own_worker(project: Project) -> None:
    command = ["--app=config", "worker", "--pool=solo", "--loglevel=INFO"]
    with project.spawn("celery", *command, TELEMETRY_ENABLED="false") as process:
        process.wait_for_text("ready.", timeout=60)
        send(project, "travel")
        process.wait_for_text("succeeded in", timeout=30)
    assert json_lines(process.stdout) == []
    assert "[config]" in process.stdout
