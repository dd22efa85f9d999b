"""Nothing that a client sends makes a second line, a false field, or an escape."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from .hostile import values
from .hostile.figures import count
from .hostile.package import Sink, many, module, package, sound

package()

from django.core.handlers.wsgi import WSGIRequest  # noqa: E402
from django.http import HttpResponse  # noqa: E402

ACCEPTED = re.compile(r"[A-Za-z0-9._:/=+@-]{1,128}", re.ASCII)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
PLAIN = r"""[^ \t\r\n'"=]*"""
FIELD = re.compile(rf" ({PLAIN})=({QUOTED}|{PLAIN})")
HEAD = re.compile(rf"\S+ \S+ \[info     \] ([^=]+?)  \[({PLAIN})\]")
# What a request without a user may have.
OF_REQUESTS = {
    *("timestamp", "level", "logger", "event", "http.method", "http.route"),
    *("http.status_code", "duration_ms", "request.id", "labels", "team.id"),
    "path.user.id",
}

JSON, PRETTY = Sink("JsonFormatter"), Sink("PrettyFormatter")
# Paths as servers hand them on: bytes, each a character.
paths = st.binary(max_size=60).map(lambda path: "/" + path.decode("latin-1"))
paths |= st.lists(
    st.sampled_from(["api", "users", "user", "teams", "team", "42", "x\n", "\x1b[0m"])
    | st.text(max_size=8).map(lambda text: text.encode().decode("latin-1")),
    max_size=6,
).map(lambda segments: "/" + "/".join(segments))
harmless = values.text.filter(lambda text: len(text) < 1000)


@pytest.fixture(scope="module", autouse=True)
def middleware_writes_to_the_sinks() -> Iterator[None]:
    logger = module("internals.requests").log._logger
    logger.addHandler(JSON.handler)
    logger.addHandler(PRETTY.handler)
    logger.setLevel("INFO")
    logger.propagate = False
    yield
    logger.removeHandler(JSON.handler)
    logger.removeHandler(PRETTY.handler)
    logger.propagate = True


def parse(line: str) -> tuple[str, list[tuple[str, str]]]:
    """Read a pretty line as a person does: the event, and the fields."""
    head = HEAD.match(line)
    assert head, line
    rest = line[head.end() :]
    fields = FIELD.findall(rest)
    assert "".join(f" {key}={value}" for key, value in fields) == rest
    return head[1], fields


@given(
    fields=st.dictionaries(
        st.from_regex("[a-z]{1,9}", fullmatch=True), harmless, max_size=4
    )
)
@example(fields={"y": "z\nuser.id=3", "z": "' user.id=4"})
@many
def test_no_value_of_a_pretty_line_looks_like_a_field(fields: dict[str, str]) -> None:
    count("inputs")
    taken = {"event", "level", "logger", "timestamp", "exception", "stack"}
    fields = {key: text for key, text in fields.items() if key not in taken}
    PRETTY.log.info("x", **fields)
    _, shown = parse(PRETTY.pretty_line())
    assert [key for key, _ in shown] == list(fields)


@given(
    path=paths,
    query=st.text(max_size=30),
    request_id=st.none() | harmless | st.from_regex(ACCEPTED, fullmatch=True),
    method=st.sampled_from(["GET", "POST", "X\x1b[0m\n"]) | st.text(max_size=9),
)
@example(path="/users/42/", query="", request_id="a\nb", method="GET")
@many
def test_a_request_says_only_what_it_is(
    path: str, query: str, request_id: str | None, method: str
) -> None:
    count("inputs")
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": f"planted-in-query&{query}",
        "wsgi.input": io.BytesIO(),
    }
    if request_id is not None:
        environ["HTTP_X_REQUEST_ID"] = request_id
    middleware = module("middleware").TelemetryMiddleware(lambda _: HttpResponse())
    response = middleware(WSGIRequest(environ))
    line = JSON.json_line()
    pretty = PRETTY.pretty_line()
    assert "planted-in-query" not in f"{line} {pretty}"
    assert line.keys() <= OF_REQUESTS
    assert {key for key, _ in parse_labels(pretty)} <= OF_REQUESTS
    trusted = request_id is not None and ACCEPTED.fullmatch(request_id)
    answered = response.headers["X-Request-ID"]
    assert answered == request_id if trusted else UUID.fullmatch(answered)
    # An id that looks like a secret is hidden as one.
    assert line["request.id"] in (
        answered,
        module("internals.redaction").redact_text(answered),
    )


def parse_labels(line: str) -> list[tuple[str, str]]:
    """Like `parse`, past the one field that is a list."""
    return parse(re.sub(r" labels=\[[^\]]*\]", "", line))[1]


@given(text=harmless)
@example(text='x\nTraceback (most recent call last):\n{"event": "forged"}')
@many
def test_an_exception_stays_below_its_line(text: str) -> None:
    count("inputs", 2)
    error = values.raised(ValueError(text))
    JSON.log.error("failed", exc_info=error)
    line = JSON.json_line()
    of_error = {"error.type", "error.message", "error.at", "exception"}
    assert line.keys() == {*list(line)[:4], *of_error}
    PRETTY.log.error("failed", exc_info=error)
    first, *rows = sound(PRETTY.written()).removesuffix("\n").split("\n")
    assert re.match(r"\S+ \S+ \[error    \] failed  ", first)
    assert all(row.startswith("    ") for row in rows)


@given(text=harmless)
@many
def test_colors_are_ours_alone(text: str) -> None:
    """On a terminal each escape sequence is one that paints a part of the line."""
    count("inputs")
    key = f"{text} key"
    formatter = module("internals.formatters").PrettyFormatter(colors=True)
    line = {
        "timestamp": datetime.now(UTC),
        "level": "info",
        "logger": text,
        "event": text,
        key: text,
    }
    painted = f"{formatter.render(module('internals.values').clean(line))}\n".encode()
    plain = re.sub(rb"\x1b\[(0|1|2|3\d)m", b"", painted)
    sound(plain)
    assert plain != painted


@given(text=harmless)
@many
def test_json_says_what_was_said(text: str) -> None:
    """Nothing is lost but secrets, and what UTF-8 cannot hold."""
    count("inputs")
    JSON.log.info("said", text=text)
    written = json.loads(JSON.written())["text"]
    if not re.search("[=:\ud800-\udfff]", text):
        assert written == text


@given(header=st.none() | st.binary(max_size=40), query=st.binary(max_size=40))
@example(header=None, query=b"request_id=\xff&\xff")
@example(header=None, query=b"request_id=a%0ab")
@many
def test_a_handshake_has_a_sound_request_id(header: bytes | None, query: bytes) -> None:
    count("inputs")
    headers = [] if header is None else [(b"x-request-id", header)]
    scope = {"type": "websocket", "headers": headers, "query_string": query}
    assert ACCEPTED.fullmatch(request_id_of(scope, is_trusted=True))
    assert UUID.fullmatch(request_id_of(scope, is_trusted=False))


def request_id_of(asgi_scope: dict[str, Any], *, is_trusted: bool) -> str:
    fields = module("fields")
    with patch.object(fields, "trusts_request_id", lambda address: is_trusted):
        run = module("internals.connections").ConnectionRun(
            asgi_scope, None, None, "ws-1"
        )
    run.scope.exit()
    return str(run.scope.fields["request.id"])


@given(header=st.none() | st.text(max_size=30) | st.binary(max_size=30))
@example(header="[" * 200_000)
@example(header='[1, [["a", 1], 2]]')
@example(header="[1e999, {}]")
@many
def test_any_header_of_a_message_can_be_read(header: object) -> None:
    count("inputs")
    sent, fields = module("internals.task_header").unpack(header)
    assert sent is None or isinstance(sent, float)
    assert isinstance(fields, dict)
