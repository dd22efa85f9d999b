"""Debian's Prometheus, and metrics as a Collector would show them to it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from .otlp import Item, Receiver, points
from .processes import Server, free_port
from .templates import REPOSITORY

_UNPACKED = REPOSITORY / ".cache" / "prometheus"
CONFIGURATION = """
global: {scrape_interval: 500ms}
rule_files: [RULES]
scrape_configs:
  - job_name: package
    honor_labels: true
    static_configs: [{targets: ["127.0.0.1:PORT"]}]
"""


def program(name: str) -> str:
    """Return the path of `prometheus` or `promtool`.

    Where Debian's package is not installed it is unpacked, so that no service
    starts. Without either the test is skipped, or fails in CI.
    """
    if found := shutil.which(name):
        return found
    _UNPACKED.mkdir(parents=True, exist_ok=True)
    with (_UNPACKED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = _UNPACKED / "usr" / "bin" / name
        if not path.exists() and shutil.which("apt-get"):
            for command in (
                ("apt-get", "download", "prometheus"),
                ("sh", "-c", "dpkg-deb -x prometheus_*.deb ."),
            ):
                subprocess.run(command, cwd=_UNPACKED, check=False, capture_output=True)
    if path.exists():
        return str(path)
    missing = f"{name} is missing: apt-get install prometheus"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def page(receiver: Receiver) -> str:
    """Return the latest of all metrics, with the names that Prometheus gives them.

    By OpenTelemetry's specification of compatibility with Prometheus: dots become
    underscores, a unit of seconds and `_total` of counters are in the name, and
    `service.name` and `service.instance.id` are the labels job and instance.
    """
    latest: dict[tuple[str, str], Item] = {}
    for metric in receiver.metrics:
        instance = metric.resource.get("service.instance.id", "")
        latest[metric.name, instance] = metric
    return "".join(row + "\n" for metric in latest.values() for row in _rows(metric))


def _rows(metric: Item) -> Iterator[str]:
    kind = metric.proto.WhichOneof("data")
    name = metric.name.replace(".", "_") + ("_seconds" if metric.unit == "s" else "")
    if kind == "sum" and metric.proto.sum.is_monotonic:
        name += "_total"
    identity = {
        "job": metric.resource["service.name"],
        "instance": metric.resource["service.instance.id"],
    }
    for attributes, point in points(metric):
        labels = {**identity, **attributes}
        if kind != "histogram":
            value = point.as_int or point.as_double
            yield f"{name}{_labels(labels)} {value}"
            continue
        total = 0
        bounds = [*map(str, point.explicit_bounds), "+Inf"]
        for bound, count in zip(bounds, point.bucket_counts, strict=True):
            total += count
            yield f"{name}_bucket{_labels({**labels, 'le': bound})} {total}"
        yield f"{name}_sum{_labels(labels)} {point.sum}"
        yield f"{name}_count{_labels(labels)} {point.count}"


def _labels(labels: dict[str, Any]) -> str:
    shown = [
        f"{key.replace('.', '_')}={json.dumps(str(value))}"
        for key, value in labels.items()
    ]
    return "{" + ",".join(shown) + "}"


class Prometheus(Server):
    """A Prometheus that scrapes `page`."""

    def query(self, expression: str) -> dict[str, float]:
        """Return the value of each series, by its labels as text."""
        answer = self.get(f"/api/v1/query?query={quote(expression)}")
        body = json.loads(answer.body)
        assert body["status"] == "success", body
        found = {}
        for series in body["data"]["result"]:
            labels = ",".join(f"{k}={v}" for k, v in sorted(series["metric"].items()))
            found[labels] = float(series["value"][1])
        return found


@contextmanager
def prometheus(receiver: Receiver, folder: Path, rules: Path) -> Iterator[Prometheus]:
    """Start a Prometheus that has what `receiver` got, and these rules."""
    handler = type("Handler", (_Page,), {"receiver": receiver})
    pages = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    pages.daemon_threads = True
    thread = threading.Thread(target=pages.serve_forever, args=(0.05,))
    thread.start()
    text = CONFIGURATION.replace("PORT", str(pages.server_port))
    (folder / "prometheus.yml").write_text(text.replace("RULES", str(rules)))
    port = free_port()
    command = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    try:
        with Prometheus(command, port=port, cwd=folder, env={}) as server:
            yield server
    finally:
        pages.shutdown()
        thread.join()
        pages.server_close()


class _Page(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_GET(self) -> None:
        body = page(self.receiver).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
