"""Alerts that fire, and panels that answer, on the package's own metrics."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from .support import Project, Server, json_lines, render
from .support.otlp import Receiver
from .support.prometheus import Prometheus, program, prometheus
from .support.redis import redis

CODE = """
import time
from celery import Celery
from channels.generic.websocket import AsyncWebsocketConsumer
from django.http import HttpResponse
from django.urls import path
from telemetry.celery import TelemetryTask
from telemetry.websocket import TelemetryConsumerMixin

app = Celery("shop", task_cls=TelemetryTask)
app.config_from_object("django.conf:settings", namespace="CELERY")

@app.task(name="work")
def work(fails):
    if fails:
        raise ValueError("no luck")

async def timed(request, ms):
    import asyncio
    await asyncio.sleep(ms / 1000)
    return HttpResponse()

def failing(request):
    raise ValueError("no luck")

def send(request, fails):
    work.delay(fails)
    return HttpResponse()

class Echo(TelemetryConsumerMixin, AsyncWebsocketConsumer):
    async def receive(self, text_data=None, **_):
        await self.send(text_data)

urlpatterns = [
    path("timed/<int:ms>/", timed),
    path("failing/", failing),
    path("send/<int:fails>/", send),
]
websockets = [path("ws/", Echo.as_asgi())]
"""
ASGI = """
import os
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
http = get_asgi_application()
from config.urls import websockets
application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(websockets)})
"""
TALK = """
import sys
from websockets.sync.client import connect
with connect(sys.argv[1]) as socket:
    socket.send("one")
    socket.recv()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("dashboards")
    project = Project.start(
        folder / "shop",
        extra=["gevent", "redis", "uvicorn", "websockets"],
        use_celery=True,
        use_channels=True,
        service_name="market",
    )
    project.write("config/urls.py", CODE)
    project.write("config/asgi.py", ASGI)
    project.write(
        "worker.py",
        "import django; django.setup()\nfrom config.urls import app as app\n",
    )
    project.write("talk.py", TALK)
    project.environ |= {
        "OTEL_ENABLED": "true",
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_METRIC_EXPORT_INTERVAL": "300",
    }
    with redis(folder) as broker:
        project.configure(
            ALLOWED_HOSTS=["127.0.0.1"], DEBUG=False, CELERY_BROKER_URL=broker
        )
        yield project


def drive(project: Project, server: Server, fast: int, slow: int) -> None:
    """Send requests of 30 and of 400 ms, failing ones, tasks and a message."""
    paths = ["/timed/30/"] * fast + ["/timed/400/"] * slow
    paths += ["/failing/", "/send/0/", "/send/1/"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(server.get, paths))
    url = f"ws://127.0.0.1:{server.port}/ws/"
    project.run("python", "talk.py", url)


def wait_for(found: Prometheus, expression: str, value: float) -> None:
    """Wait until the expression has this value; each look is a request."""
    for _ in range(2000):
        if value in found.query(expression).values():
            return
    raise TimeoutError(f"{expression}: {found.query(expression)}")


COUNT = 'sum(http_server_request_duration_seconds_count{http_route=~"/timed/.*"})'
FAILED = 'task_duration_seconds_count{task_outcome="failed"}'


def test_every_panel_and_every_rule_answers(project: Project, tmp_path: Path) -> None:
    folder = project.folder / "telemetry" / "dashboards"
    rules = (folder / "alerts.yml").read_text()
    dashboard = json.loads((folder / "grafana.json").read_text())
    with (
        Receiver() as receiver,
        prometheus(receiver, tmp_path, folder / "alerts.yml") as found,
    ):
        receiver.receive_from(project)
        with (
            project.spawn("celery", "-A", "worker", "worker", "--pool=solo") as worker,
            project.serve("uvicorn") as server,
        ):
            worker.wait_for_text("ready.")
            # `rate` needs a first value of each series.
            drive(project, server, 1, 0)
            wait_for(found, COUNT, 1)
            wait_for(found, FAILED, 1)
            drive(project, server, 99, 5)
            wait_for(found, COUNT, 105)
            wait_for(found, FAILED, 2)
            wait_for(found, 'sum(websocket_messages_total{direction="in"})', 2)

            for panel in dashboard["panels"]:
                [target] = panel["targets"]
                answer = found.query(target["expr"])
                print(f"{panel['title']}: {answer}")
                assert answer, panel["title"]
            for expression in re.findall(r"expr: \|\n((?: {10}.*\n)+)", rules):
                assert found.query(re.sub(r"> [\d.]+\s*$", "", expression)), expression
            assert_percentiles(found, json_lines(server.stdout))


def assert_percentiles(found: Prometheus, lines: list[dict[str, Any]]) -> None:
    """They are what the lines have, as exactly as the buckets are fine."""
    timed = sorted(
        line["duration_ms"] / 1000
        for line in lines
        if line["event"] == "request_completed" and "/timed/" in line["http.route"]
    )
    assert len(timed) == 105
    buckets = 'http_server_request_duration_seconds_bucket{http_route=~"/timed/.*"}'
    for share in (0.5, 0.9, 0.99):
        quantile = f"histogram_quantile({share}, sum by (le) ({buckets}))"
        [value] = found.query(quantile).values()
        actual = timed[round(share * len(timed)) - 1]
        print(f"p{share * 100:g}: {value:.4f} s, of the lines {actual:.4f} s")
        assert actual / 2.5 < value < actual * 2.5


REQUESTS = "http_server_request_duration_seconds"
# Of each alert: series with the values of a minute each that let it fire, and
# that do not; what it then says; its labels.
CASES: dict[str, tuple[dict[str, str], dict[str, str], str, dict[str, str]]] = {
    "RequestsFail": (
        {
            f'{REQUESTS}_count{{http_route="/pay/", http_response_status_code="500"}}': "0+10x30",
            f'{REQUESTS}_count{{http_route="/pay/", http_response_status_code="200"}}': "0+90x30",
        },
        {
            f'{REQUESTS}_count{{http_route="/pay/", http_response_status_code="500"}}': "0+1x30",
            f'{REQUESTS}_count{{http_route="/pay/", http_response_status_code="200"}}': "0+99x30",
        },
        "10% of the requests to /pay/ fail.",
        {"http_route": "/pay/", "severity": "page"},
    ),
    "RequestsAreSlow": (
        {
            f'{REQUESTS}_bucket{{http_route="/pay/", le="1"}}': "0+0x30",
            f'{REQUESTS}_bucket{{http_route="/pay/", le="2.5"}}': "0+100x30",
            f'{REQUESTS}_bucket{{http_route="/pay/", le="+Inf"}}': "0+100x30",
        },
        {
            f'{REQUESTS}_bucket{{http_route="/pay/", le="1"}}': "0+99x30",
            f'{REQUESTS}_bucket{{http_route="/pay/", le="2.5"}}': "0+100x30",
            f'{REQUESTS}_bucket{{http_route="/pay/", le="+Inf"}}': "0+100x30",
        },
        "One in twenty requests to /pay/ takes 2.425s or longer.",
        {"http_route": "/pay/", "severity": "ticket"},
    ),
    "ProcessesAreBusy": (
        {'http_server_active_requests{instance="a"}': "8x30"},
        {
            'http_server_active_requests{instance="a"}': "3x30",
            'http_server_active_requests{instance="b"}': "1x30",
        },
        "A process has 8 requests in progress.",
        {"severity": "ticket"},
    ),
    "TasksFail": (
        {
            'task_duration_seconds_count{task_name="pay", task_outcome="failed"}': "0+1x30",
            'task_duration_seconds_count{task_name="pay", task_outcome="completed"}': "0+3x30",
        },
        {
            'task_duration_seconds_count{task_name="pay", task_outcome="retried"}': "0+1x30",
            'task_duration_seconds_count{task_name="pay", task_outcome="completed"}': "0+3x30",
        },
        "25% of the runs of pay fail.",
        {"task_name": "pay", "severity": "page"},
    ),
    "TasksWait": (
        {
            'task_queue_wait_seconds_bucket{le="60"}': "0+0x30",
            'task_queue_wait_seconds_bucket{le="120"}': "0+100x30",
            'task_queue_wait_seconds_bucket{le="+Inf"}': "0+100x30",
        },
        {
            'task_queue_wait_seconds_bucket{le="60"}': "0+100x30",
            'task_queue_wait_seconds_bucket{le="120"}': "0+100x30",
            'task_queue_wait_seconds_bucket{le="+Inf"}': "0+100x30",
        },
        "One in twenty tasks waits 1m 57s or longer.",
        {"severity": "ticket"},
    ),
}


def case(alert: str, fires: bool) -> dict[str, Any]:
    firing, silent, summary, labels = CASES[alert]
    series = firing if fires else silent
    expected = [
        {"exp_labels": labels, "exp_annotations": {"summary": summary}},
    ]
    return {
        "interval": "1m",
        "input_series": [
            {"series": name.replace("{", '{job="market", '), "values": values}
            for name, values in series.items()
        ],
        "alert_rule_test": [
            {
                "eval_time": "25m",
                "alertname": alert,
                "exp_alerts": expected if fires else [],
            }
        ],
    }


def test_each_alert_fires_and_is_silent(project: Project, tmp_path: Path) -> None:
    rules = project.folder / "telemetry" / "dashboards" / "alerts.yml"
    assert set(re.findall(r"alert: (\w+)", rules.read_text())) == CASES.keys()
    promtool("check", "rules", rules)
    tests = [case(alert, fires) for alert in CASES for fires in (True, False)]
    file = tmp_path / "tests.yml"
    file.write_text(json.dumps({"rule_files": [str(rules)], "tests": tests}))
    print(promtool("test", "rules", file))


def promtool(*arguments: Any) -> str:
    done = subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("exporter", ["none", "console", "otlp-grpc"])
def test_dashboards_are_there_where_metrics_can_be_sent(
    tmp_path: Path, exporter: str
) -> None:
    folder = render(tmp_path, otel_exporter=exporter, service_name="shop")
    files = {file.name for file in folder.glob("dashboards/*")}
    assert files == ({"alerts.yml", "grafana.json"} if "otlp" in exporter else set())
    if files:
        text = (folder / "dashboards" / "alerts.yml").read_text()
        text += (folder / "dashboards" / "grafana.json").read_text()
        assert "task" not in text
        assert "websocket" not in text
