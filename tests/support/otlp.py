"""A receiver of OTLP, over HTTP and gRPC, on the official protobufs."""

from __future__ import annotations

import gzip
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.logs.v1 import (
    logs_service_pb2,
    logs_service_pb2_grpc,
)
from opentelemetry.proto.collector.metrics.v1 import (
    metrics_service_pb2,
    metrics_service_pb2_grpc,
)
from opentelemetry.proto.collector.trace.v1 import (
    trace_service_pb2,
    trace_service_pb2_grpc,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from .projects import Project


@dataclass(frozen=True)
class Item:
    """A span or a log record, with what is around it."""

    proto: Any
    resource: dict[str, Any]
    scope: str
    headers: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.proto, name)
        return value.hex() if isinstance(value, bytes) else value

    @property
    def attributes(self) -> dict[str, Any]:
        return _plain_pairs(self.proto.attributes)

    @property
    def body(self) -> Any:
        return _plain(self.proto.body)


@dataclass
class Receiver:
    """Keeps what arrives at `http` and at `grpc`.

    It answers once `gate` is set, after `delay` seconds, and with an error if it
    `refuses`; with a `certificate` and its key, only over TLS.
    """

    refuses: bool = False
    refuses_with: int = 503
    delay: float = 0
    certificate: tuple[Path, Path] | None = None
    spans: list[Item] = field(default_factory=list)
    records: list[Item] = field(default_factory=list)
    metrics: list[Item] = field(default_factory=list)
    requests: int = 0

    def __post_init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        self._http = _Server(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        scheme = "https" if self.certificate else "http"
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()
        self._grpc = grpc.server(ThreadPoolExecutor(4))
        # These functions have no types.
        traces: Any = trace_service_pb2_grpc
        logs: Any = logs_service_pb2_grpc
        traces.add_TraceServiceServicer_to_server(_Traces(self), self._grpc)
        logs.add_LogsServiceServicer_to_server(_Logs(self), self._grpc)
        metrics: Any = metrics_service_pb2_grpc
        metrics.add_MetricsServiceServicer_to_server(_Metrics(self), self._grpc)
        if self.certificate:
            chain, key = (file.read_bytes() for file in self.certificate)
            credentials = grpc.ssl_server_credentials([(key, chain)])
            port = self._grpc.add_secure_port("127.0.0.1:0", credentials)
        else:
            port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()
        self.http = f"{scheme}://127.0.0.1:{self._http.server_port}"
        self.grpc = f"{scheme}://127.0.0.1:{port}"
        return self

    def __exit__(self, *exception: object) -> None:
        self.gate.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._grpc.stop(None).wait()

    def receive_from(self, project: Project) -> None:
        """Let `project` export to here, with the exporter that it has."""
        requirements = project.folder / "telemetry" / "requirements.txt"
        has_grpc = "otlp-proto-grpc" in requirements.read_text()
        endpoint = self.grpc if has_grpc else self.http
        project.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint

    def wait_for(
        self, condition: Callable[[Receiver], Any], timeout: float = 20
    ) -> Any:
        """Wait until `condition` holds, and return what it returned."""
        end = time.monotonic() + timeout
        with self._changed:
            while not (found := condition(self)):
                left = end - time.monotonic()
                if left <= 0:
                    names = [span.name for span in self.spans]
                    bodies = [record.body for record in self.records]
                    raise TimeoutError(f"spans {names}, records {bodies}")
                self._changed.wait(left)
            return found

    def take(self, message: Any, headers: Mapping[str, str]) -> bool:
        """Keep what `message` holds, or refuse it."""
        self.gate.wait()
        time.sleep(self.delay)
        small = {name.lower(): value for name, value in headers.items()}
        with self._changed:
            self.requests += 1
            if self.refuses:
                self._changed.notify_all()
                return False
            if isinstance(message, trace_service_pb2.ExportTraceServiceRequest):
                for spans in message.resource_spans:
                    self.spans += _items(spans, spans.scope_spans, "spans", small)
            elif isinstance(message, metrics_service_pb2.ExportMetricsServiceRequest):
                for found in message.resource_metrics:
                    self.metrics += _items(found, found.scope_metrics, "metrics", small)
            else:
                for logs in message.resource_logs:
                    self.records += _items(logs, logs.scope_logs, "log_records", small)
            self._changed.notify_all()
            return True


def _items(
    group: Any, scopes: Any, kind: str, headers: dict[str, str]
) -> Iterator[Item]:
    resource = _plain_pairs(group.resource.attributes)
    for scoped in scopes:
        for proto in getattr(scoped, kind):
            yield Item(proto, resource, scoped.scope.name, headers)


def _plain_pairs(pairs: Any) -> dict[str, Any]:
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _plain_pairs(value.kvlist_value.values)
    return getattr(value, kind) if kind else None


class _Server(ThreadingHTTPServer):
    # Many processes may end at once.
    request_queue_size = 128


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            kinds: dict[str, Any] = {
                "/v1/traces": trace_service_pb2.ExportTraceServiceRequest,
                "/v1/metrics": metrics_service_pb2.ExportMetricsServiceRequest,
                "/v1/logs": logs_service_pb2.ExportLogsServiceRequest,
            }
            message = kinds[self.path].FromString(body)
            accepted = receiver.take(message, dict(self.headers))
            self.send_response(200 if accepted else receiver.refuses_with)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    answer: Any = trace_service_pb2.ExportTraceServiceResponse

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def Export(self, request: Any, context: Any) -> Any:
        headers = dict(context.invocation_metadata())
        if not self.receiver.take(request, headers):
            codes = {401: grpc.StatusCode.UNAUTHENTICATED}
            code = codes.get(self.receiver.refuses_with, grpc.StatusCode.UNAVAILABLE)
            context.abort(code, "refused")
        return self.answer()


class _Logs(_Traces):
    answer = logs_service_pb2.ExportLogsServiceResponse


class _Metrics(_Traces):
    answer = metrics_service_pb2.ExportMetricsServiceResponse


def points(metric: Item) -> list[tuple[dict[str, Any], Any]]:
    """Return the attributes of each point of a histogram or a sum, and the point."""
    kind = metric.proto.WhichOneof("data")
    found = getattr(metric.proto, kind).data_points
    return [(_plain_pairs(point.attributes), point) for point in found]
