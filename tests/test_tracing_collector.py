"""A real Collector between a project and the receiver."""

from __future__ import annotations

from pathlib import Path

import pytest

from .support import Project, Server, interpreters
from .support.otlp import Receiver
from .support.processes import free_port

PROJECT_FILES = Path(__file__).parent / "project_files"
# It is built against each Python by itself, and not yet for 3.14.
ROTEL = "rotel==0.0.1a15"
NEWEST = (3, 13)
LIBRARIES = "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))"


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_spans_and_records_pass_a_collector(tmp_path: Path, protocol: str) -> None:
    project = Project.start(
        tmp_path / "shop",
        interpreter=[one for one in interpreters() if one.version[:2] <= NEWEST][-1],
        extra=["gunicorn", ROTEL],
        otel_exporter=f"otlp-{protocol}",
        resource_labels="team",
    )
    project.write("config/urls.py", (PROJECT_FILES / "tracing_urls.py").read_text())
    project.configure(ALLOWED_HOSTS=["127.0.0.1"], DEBUG=False)
    [agent] = project.bin.parent.glob("lib/*/site-packages/rotel/rotel-agent")
    libraries = project.run("python", "-c", LIBRARIES).stdout.strip()
    ports = {"grpc": free_port(), "http": free_port()}
    with Receiver() as receiver:
        command = [
            *(agent, "start", "--batch-timeout", "100ms"),
            *("--otlp-grpc-endpoint", f"127.0.0.1:{ports['grpc']}"),
            *("--otlp-http-endpoint", f"127.0.0.1:{ports['http']}"),
            *("--exporter", "otlp", "--otlp-exporter-protocol", "http"),
            *("--otlp-exporter-endpoint", receiver.http),
        ]
        environ = {
            "OTEL_ENABLED": "true",
            "OTEL_TRACES_SAMPLER_ARG": "1",
            "OTEL_LOGS_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{ports[protocol]}",
        }
        paths = {"LD_LIBRARY_PATH": libraries}
        with Server(command, port=ports[protocol], cwd=tmp_path, env=paths):
            with project.serve("gunicorn", **environ) as server:
                server.get("/teams/5/")
                server.stop()
            receiver.wait_for(lambda receiver: receiver.spans and receiver.records)
    [span] = receiver.spans
    [line] = server.events("request_completed")
    assert span.attributes["team.id"] == 5
    assert span.trace_id == line["trace_id"]
    assert {"viewed", "request_completed"} <= {item.body for item in receiver.records}
