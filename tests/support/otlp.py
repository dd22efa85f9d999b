"""A receiver of OTLP, over HTTP and gRPC, on the official protobufs."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.logs.v1 import (
    logs_service_pb2,
    logs_service_pb2_grpc,
)
from opentelemetry.proto.collector.trace.v1 import (
    trace_service_pb2,
    trace_service_pb2_grpc,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue


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

    An HTTP request is answered with `status`, after `gate` is set.
    """

    status: int = 200
    spans: list[Item] = field(default_factory=list)
    records: list[Item] = field(default_factory=list)
    requests: int = 0

    def __post_init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()
        self._grpc = grpc.server(ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(
            _Traces(self), self._grpc
        )
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(_Logs(self), self._grpc)
        port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()
        self.http = f"http://127.0.0.1:{self._http.server_port}"
        self.grpc = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *exception: object) -> None:
        self.gate.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._grpc.stop(None).wait()

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

    def take(self, message: Any, headers: Mapping[str, str]) -> None:
        small = {name.lower(): value for name, value in headers.items()}
        with self._changed:
            self.requests += 1
            if isinstance(message, trace_service_pb2.ExportTraceServiceRequest):
                self.spans += _items(message.resource_spans, "spans", small)
            else:
                self.records += _items(message.resource_logs, "log_records", small)
            self._changed.notify_all()


def _items(groups: Any, kind: str, headers: dict[str, str]) -> Iterator[Item]:
    for group in groups:
        resource = _plain_pairs(group.resource.attributes)
        for scoped in getattr(
            group, f"scope_{kind.removeprefix('log_').replace('records', 'logs')}"
        ):
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


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.gate.wait()
            if receiver.status == 200:
                kinds: dict[str, Any] = {
                    "/v1/traces": trace_service_pb2.ExportTraceServiceRequest,
                    "/v1/logs": logs_service_pb2.ExportLogsServiceRequest,
                }
                message = kinds[self.path].FromString(body)
                receiver.take(message, dict(self.headers))
            else:
                receiver.requests += 1
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def Export(self, request: Any, context: Any) -> Any:
        self.receiver.gate.wait()
        self.receiver.take(request, dict(context.invocation_metadata()))
        return trace_service_pb2.ExportTraceServiceResponse()


class _Logs(logs_service_pb2_grpc.LogsServiceServicer):
    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def Export(self, request: Any, context: Any) -> Any:
        self.receiver.gate.wait()
        self.receiver.take(request, dict(context.invocation_metadata()))
        return logs_service_pb2.ExportLogsServiceResponse()
