"""`manage.py telemetry` tries out what is set up, and reports what works."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .support import Project
from .support.otlp import Receiver
from .support.redis import redis

ON = {
    "OTEL_ENABLED": "true",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
}
SIGNALS = ("traces", "metrics", "logs")


@pytest.fixture(scope="module", params=["otlp-http", "otlp-grpc"])
def project(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    return Project.start(
        tmp_path_factory.mktemp("doctor") / "shop", otel_exporter=request.param
    )


def run(
    project: Project, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    return project.manage("telemetry", *arguments, check=False, **environ)


def findings(
    finished: subprocess.CompletedProcess[str],
) -> dict[str, tuple[str, str]]:
    """Return status and reason by subject; stdout holds nothing else."""
    rows: list[dict[str, Any]] = json.loads(finished.stdout)
    return {row["subject"]: (row["status"], row["reason"]) for row in rows}


def test_collector_that_takes_everything_is_ok(project: Project) -> None:
    with Receiver() as receiver:
        receiver.receive_from(project)
        finished = run(project, "--json", **ON)
        endpoint = project.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT")
    found = findings(finished)
    for signal in SIGNALS:
        status, reason = found[signal]
        assert status == "ok"
        assert f"Taken at {endpoint}." in reason
    assert found["wiring"] == ("ok", "")
    assert found["handler stdout"][0] == "ok"
    assert "telemetry_probe" in finished.stderr
    assert finished.returncode == 0
    # Each of them once, under the service's name.
    [span], [metric], [record] = receiver.spans, receiver.metrics, receiver.records
    assert span.name == metric.name == record.body == "telemetry_probe"
    assert span.resource["service.name"] == "shop"


def test_collector_that_wants_credentials_has_refused(project: Project) -> None:
    with Receiver(refuses=True, refuses_with=401) as receiver:
        receiver.receive_from(project)
        own = {"OTEL_EXPORTER_OTLP_LOGS_HEADERS": "key=wrong"}
        finished = run(project, "--json", **ON, **own)
        project.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT")
    found = findings(finished)
    assert {found[signal][0] for signal in SIGNALS} == {"refused"}
    has_grpc = "grpc" in (project.folder / "telemetry/requirements.txt").read_text()
    status = "UNAUTHENTICATED" if has_grpc else "401"
    assert found["traces"][1] == f"Status {status}; see OTEL_EXPORTER_OTLP_HEADERS."
    assert found["logs"][1] == f"Status {status}; see OTEL_EXPORTER_OTLP_LOGS_HEADERS."
    assert finished.returncode == 1


def test_collector_that_hangs_is_unreachable_within_ten_seconds(
    project: Project,
) -> None:
    with Receiver() as receiver:
        receiver.gate.clear()
        receiver.receive_from(project)
        finished = run(project, "--json", **ON)
        project.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT")
    found = findings(finished)
    for signal in SIGNALS:
        assert found[signal][0] == "unreachable"
        assert "OTEL_EXPORTER_OTLP_ENDPOINT" in found[signal][1]
    assert finished.returncode == 1
    # Of the probes, and of what is still to be sent when the process ends.
    texts = [
        (project.folder / "telemetry" / "internals" / name).read_text()
        for name in ("doctor.py", "shutdown.py")
    ]
    waits = [re.findall(r"^MAX_WAIT = (.*)$", text, re.MULTILINE) for text in texts]
    assert sum(float(wait) for [wait] in waits) < 10


def test_collector_that_is_not_there_is_unreachable(project: Project) -> None:
    nowhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://jane:hunter2@127.0.0.1:9"}
    finished = run(project, **ON, **nowhere)
    assert finished.stdout.count("unreachable") == len(SIGNALS)
    assert "hunter2" not in finished.stdout


def test_what_is_off_is_no_problem(project: Project) -> None:
    finished = run(project, "--json")
    found = findings(finished)
    assert {found[signal] for signal in SIGNALS} == {("off", "OTEL_ENABLED is false.")}
    assert finished.returncode == 0
    finished = run(project, TELEMETRY_ENABLED="false")
    assert finished.stdout.split() == [
        *("telemetry", "off", "TELEMETRY_ENABLED", "is", "false.")
    ]
    assert finished.returncode == 0


def test_what_is_not_wired_has_failed(project: Project) -> None:
    project.write(
        "config/bare.py", "from config.settings import *\nMIDDLEWARE = MIDDLEWARE[1:]\n"
    )
    finished = run(project, "--json", DJANGO_SETTINGS_MODULE="config.bare")
    status, reason = findings(finished)["wiring"]
    assert status == "failed"
    assert '"telemetry.middleware.TelemetryMiddleware",' in reason
    assert finished.returncode == 1


def test_handler_that_cannot_write_has_failed(project: Project) -> None:
    project.write(
        "config/full.py",
        "from config.settings import *\n"
        "from telemetry.logging import logging_config\n"
        "LOGGING = logging_config()\n"
        "for name, file, level in [('disk', '/dev/full', 'INFO'), "
        "('alerts', 'alerts.log', 'ERROR')]:\n"
        "    LOGGING['handlers'][name] = {'class': 'logging.FileHandler', "
        "'filename': file, 'level': level, 'formatter': 'json', "
        "'filters': LOGGING['handlers']['stdout']['filters']}\n"
        "    LOGGING['root']['handlers'].append(name)\n",
    )
    finished = run(project, "--json", DJANGO_SETTINGS_MODULE="config.full")
    found = findings(finished)
    assert found["handler disk"][0] == "failed"
    assert "No space left on device" in found["handler disk"][1]
    assert found["handler alerts"] == ("off", "It takes ERROR and above.")
    assert (project.folder / "alerts.log").read_text() == ""
    assert finished.returncode == 1


def test_worker_is_asked_for_an_answer(tmp_path: Path) -> None:
    project = Project.start(
        tmp_path / "shop",
        extra=["celery[redis]"],
        otel_exporter="none",
        use_celery=True,
    )
    project.write(
        "config/__init__.py",
        "from celery import Celery\n"
        'app = Celery("shop", task_cls="telemetry.celery:TelemetryTask")\n'
        'app.config_from_object("django.conf:settings", namespace="CELERY")\n',
    )
    with redis(tmp_path) as url:
        project.environ["CELERY_BROKER_URL"] = url
        assert findings(run(project, "--json"))["workers"][0] == "unreachable"
        arguments = ("-A", "config", "worker", "-n", "anna@shop", "--pool=solo")
        with project.spawn("celery", *arguments) as worker:
            worker.wait_for_text("ready.")
            finished = run(project, "--json")
    assert findings(finished)["workers"] == ("ok", "anna@shop")
    assert finished.returncode == 0
    # The broker is gone now.
    assert findings(run(project, "--json"))["workers"][0] == "unreachable"


def test_console_exporter_writes_to_stderr(tmp_path: Path) -> None:
    project = Project.start(tmp_path / "shop", otel_exporter="console")
    finished = run(project, "--json", OTEL_ENABLED="true")
    assert findings(finished)["traces"] == ("ok", "It is on stderr.")
    [span] = [row for row in finished.stderr.splitlines() if '"trace_id"' in row]
    assert json.loads(span)["name"] == "telemetry_probe"
