"""A secret that is planted somewhere is in no output, whatever the exporter."""

from __future__ import annotations

import json
import re
from collections import UserDict, deque
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .hostile import secrets, values
from .hostile.figures import count
from .hostile.package import Sink, many, module
from .hostile.site import PROJECT_FILES, start_site
from .support import Project
from .support.otlp import Receiver

PEM = "-----BEGIN RSA PRIVATE KEY----- {} -----END RSA PRIVATE KEY-----"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder: Path = tmp_path_factory.mktemp("secrets") / "shop"
    project = start_site(
        folder, use_celery=True, use_channels=True, otel_exporter="otlp-http"
    )
    project.write(
        "secrets_planted.py", (PROJECT_FILES / "hostile_secrets.py").read_text()
    )
    return project


@pytest.mark.parametrize("log_format", ["json", "pretty"])
def test_no_planted_secret_comes_out(project: Project, log_format: str) -> None:
    with Receiver() as receiver:
        finished = project.run(
            "python",
            "secrets_planted.py",
            check=True,
            LOG_FORMAT=log_format,
            LOG_LEVEL="DEBUG",
            OTEL_ENABLED="true",
            OTEL_TRACES_SAMPLER_ARG="1",
            OTEL_LOGS_EXPORTER="otlp",
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.http,
        )
        spans = [str(span.proto) for span in receiver.spans]
        records = [str(record.proto) for record in receiver.records]
    places = json.loads(finished.stderr.splitlines()[-1])
    assert len(places) > 15
    count("secrets planted", len(places))
    assert len(spans) > 10
    assert len(records) > 100
    assert finished.stdout.count("[redacted]") > 50
    outputs = {
        "stdout": finished.stdout.splitlines(),
        "stderr": finished.stderr.splitlines()[:-1],
        "spans": spans,
        "records": records,
    }
    leaks = {
        (place, name, shortened(text, place))
        for name, texts in outputs.items()
        for text in texts
        for place in re.findall(r"planted-(\w+)", text)
    }
    assert not leaks, "\n".join(map(str, sorted(leaks)))
    assert finished.stderr.count("\n") == 1, finished.stderr


def shortened(text: str, place: str) -> str:
    """The neighbourhood of a leak."""
    at = text.index(f"planted-{place}")
    return text[max(at - 120, 0) : at + 60]


SHOWN = {
    "json": lambda secret: json.dumps({"a": 1, "password": secret, "b": [2]}),
    "compact json": lambda secret: json.dumps({"token": secret}, separators=(",", ":")),
    "json in json": lambda secret: json.dumps(json.dumps({"password": secret})),
    "repr": lambda secret: repr({"a": 1, "password": secret, "b": [2]}),
    "repr of bytes": lambda secret: repr({"password": secret.encode()}),
    "repr of json": lambda secret: repr(json.dumps({"password": secret})),
    "repr of a list": lambda secret: repr({"passwords": [secret.replace("]", "")]}),
    "call": lambda secret: f"login(user='me', password={secret!r})",
    "wrapped": lambda secret: f"password=SecretStr({secret!r}) next",
    "query": lambda secret: f"https://x/?a=1&access_token={quote(secret)}&b=2",
    "form": lambda secret: f"user=me&password={quote_plus(secret)}",
    "header": lambda secret: f"Authorization: Bearer {quote(secret)}\r\nAccept: */*",
    "other scheme": lambda secret: f"Authorization: JWT {quote(secret)}\r\nAccept: */*",
    "second cookie": lambda secret: f"Cookie: a=1; remember={quote(secret)}\r\nX: y",
    "url": lambda secret: f"at postgres://me:{quote(secret, safe='')}@db:5432/shop",
}  # fmt: skip


@pytest.mark.parametrize("kind", SHOWN)
@given(middle=st.text(max_size=20))
@many
def test_a_secret_is_hidden_in_text(kind: str, middle: str) -> None:
    """However it is quoted, and whatever it is made of."""
    try:
        text = SHOWN[kind](f"planted{middle}planted")
    except UnicodeEncodeError:
        return
    count("inputs")
    redacted = module("internals.redaction").redact_text(text)
    assert "planted" not in redacted
    assert "[redacted]" in redacted


JSON = Sink("JsonFormatter")


def logged(event: object = "said", *args: object, **fields: Any) -> dict[str, Any]:
    """Log with both loggers, which show the same; return the line."""
    JSON.log.info(event, *args, **fields)
    ours = JSON.json_line()
    JSON.standard.info(event, *args, extra=fields)
    theirs = JSON.json_line()
    for key in ("timestamp", "logger"):
        ours.pop(key), theirs.pop(key)
    assert ours == theirs
    return ours


@pytest.mark.parametrize("around", secrets.AROUND)
@pytest.mark.parametrize("url", secrets.URLS)
def test_credentials_of_a_url_are_hidden(url: str, around: str) -> None:
    text = around.replace("{}", url)
    line = logged(text, url=text, nested={"urls": [text]})
    assert "S3cr3t" not in str(line)
    assert "[redacted]@" in line["event"]
    assert line["url"] == line["event"] == line["nested"]["urls"][0]
    # What is before the user and behind the password is shown.
    assert line["url"].startswith(around.partition("{}")[0] + url.partition("/")[0])
    assert url.rpartition("@")[2] in line["url"]


@pytest.mark.parametrize("text", secrets.HIDDEN_TEXTS)
def test_a_secret_in_a_text_is_hidden(text: str) -> None:
    line = logged(text, text=text, nested={"texts": [text, {"a": text}]})
    assert "S3cr3t" not in str(line)
    assert "[redacted]" in line["event"]
    assert logged("said %s", text)["event"] == f"said {line['event']}"


@pytest.mark.parametrize("text", secrets.SHOWN_TEXTS)
def test_what_is_no_secret_is_shown(text: str) -> None:
    line = logged(text, text=text, nested={"texts": [text]})
    assert line["event"] == line["text"] == line["nested"]["texts"][0] == text


class Named(NamedTuple):
    other: Any
    password: Any


@pytest.mark.parametrize("key", secrets.HIDDEN_KEYS)
def test_a_secret_under_its_key_is_hidden(key: str) -> None:
    for value in ("S3cr3t", b"S3cr3t", ["S3cr3t"], {"a": "S3cr3t"}, "S3cr3t two words"):
        hidden = {key: value}
        places = [
            hidden,
            [hidden, (hidden,), {"deep": [{"er": hidden}]}],
            MappingProxyType(hidden),
            UserDict(hidden),
            deque([hidden]),
            hidden.items(),
            {"a": hidden}.values(),
            list(hidden.items()),
            (key, value),
            [key, value],
            [key.encode(), value],
            {"name": key, "value": value},
            [{"key": key, "value": value}],
            Named(hidden, "S3cr3t"),
        ]
        line = logged(**hidden, places=places)
        assert "S3cr3t" not in str(line)
        assert line[key] == line["places"][0][key] == "[redacted]"
        assert line["places"][5] == [[key, "[redacted]"]]
        assert line["places"][8] == [key, "[redacted]"]
        assert line["places"][11] == {"name": key, "value": "[redacted]"}
        assert line["places"][13] == {
            "other": {key: "[redacted]"},
            "password": "[redacted]",
        }
        for arguments in (hidden, (places[2],), ([hidden],), (Named(1, value),)):
            assert "S3cr3t" not in logged("said %s", arguments)["event"]


@pytest.mark.parametrize(("key", "value"), secrets.SHOWN_FIELDS)
def test_what_is_no_secret_is_shown_under_any_key(key: str, value: Any) -> None:
    shown = list(value) if isinstance(value, tuple) else value
    line = logged(**{key: value}, nested=[{key: value}])
    assert line[key] == line["nested"][0][key] == shown


@pytest.mark.parametrize("key", ["pin", "password", "card_number", "cvv", "user_pin"])
def test_a_number_is_hidden_under_a_password(key: str) -> None:
    line = logged(f"{key}=1234", **{key: 1234}, nested={key: 12.5})
    assert line[key] == line["nested"][key] == "[redacted]"
    assert line["event"] == f"{key}=[redacted]"


def test_a_mapping_of_arguments_is_cleaned() -> None:
    arguments: dict[str, Any] = {}
    arguments |= {
        "password": "S3cr3t",
        "rate": Decimal("0.5"),
        "card": {"pin": "S3cr3t"},
    }
    arguments |= {str(number): number for number in range(1_000_000)}
    text = "%(password)s %(rate).2f %(card)s %(50)d"
    line = logged(text, arguments)
    assert line["event"] == "[redacted] 0.50 {'pin': [redacted]} 50"
    assert logged("%s", {"pin": 1, "a": 2})["event"] == "{'pin': [redacted], 'a': 2}"


@dataclass
class Login:
    user: str
    password: str
    pin: int = 1234
    hidden: str = field(default="S3cr3t", repr=False)


def test_named_tuples_and_dataclasses_have_their_names() -> None:
    line = logged(login=Login("ann", "S3cr3t"), logins=[Login("ann", "S3cr3t")])
    expected = f"{Login.__qualname__}(user='ann', password=[redacted], pin=[redacted])"
    assert line["login"] == line["logins"][0] == expected
    assert logged("said %s", Login("ann", "S3cr3t"))["event"] == f"said {expected}"


def test_an_iterator_is_not_consumed() -> None:
    for iterator in (iter([1]), map(str, [1]), (number for number in [1])):
        logged("%s", iterator, iterator=iterator)
        assert len(list(iterator)) == 1


@pytest.mark.parametrize("kind", ["WSGIRequest", "ASGIRequest"])
def test_a_request_is_shown_by_class_method_and_path(kind: str) -> None:
    from django.test import AsyncRequestFactory, RequestFactory

    factory: Any = RequestFactory() if kind == "WSGIRequest" else AsyncRequestFactory()
    for query in ("email=a@b.c", "a@b.c", "it's", "token=S3cr3t"):
        request = factory.get(f"/deny/?{query}")
        line = logged("asked", request=request, requests=[request])
        assert line["request"] == line["requests"][0] == f"<{kind}: GET /deny/>"
    event = logged("asked %s", factory.get("/deny/?email=a@b.c"))["event"]
    assert event == f"asked <{kind}: GET '/deny/'>"


QUERIES = (
    ("Max retries exceeded with url: /pay/?email=a@b.c&t=1 (Caused by x)",
     "Max retries exceeded with url: /pay/ (Caused by x)"),
    ("404 Client Error: Not Found for url: https://x.org/a?email=a%40b.c",
     "404 Client Error: Not Found for url: https://x.org/a"),
    ("Client error '404 Not Found' for url 'https://x.org?email=a@b.c'\nFor more",
     "Client error '404 Not Found' for url 'https://x.org'\nFor more"),
    ("400, message='Bad', url=URL('https://x.org/a?b[c]=d&e')",
     "400, message='Bad', url=URL('https://x.org/a')"),
    ("<WSGIRequest: GET '/deny/?email=a@b.c'> is refused",
     "<WSGIRequest: GET '/deny/'> is refused"),
    ("Is a=b? or c?", "Is a=b? or c?"),
    ("WHERE a = ? AND b = ?", "WHERE a = ? AND b = ?"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "shown"), QUERIES)
def test_the_text_of_an_exception_has_no_query_string(text: str, shown: str) -> None:
    error = values.raised(ConnectionError(text))
    line = logged("failed %s", error, error=error, errors=[error])
    assert line["event"] == f"failed {shown}"
    assert "a@b.c" not in str(line)
    assert "a%40b.c" not in str(line)
    assert logged(error)["event"] == shown
    JSON.log.error("failed", exc_info=error)
    line = JSON.json_line()
    assert line["error.message"] == shown
    assert line["exception"].endswith(f"ConnectionError: {shown}")


def raise_with(text: str, has_source: bool) -> BaseException:
    """Return an exception with that text; its frames have source lines or not."""
    error = RuntimeError(text)
    if not has_source:
        with pytest.raises(RuntimeError):
            exec(
                compile("def f():\n    raise error\nf()", "<string>", "exec"), locals()
            )
        trace: Any = error.__traceback__
        return error.with_traceback(trace.tb_next.tb_next)
    return values.raised(error)


@pytest.mark.parametrize("has_source", [True, False])
@pytest.mark.parametrize("text", secrets.HIDDEN_TEXTS)
def test_a_secret_in_an_exception_is_hidden(text: str, has_source: bool) -> None:
    cause = raise_with(text, has_source)
    error = raise_with(f"again: {text}", has_source)
    error.add_note(text)
    error.__cause__ = cause
    group = values.raised(BaseExceptionGroup(text, [ValueError(text), cause]))
    for each in (cause, error, group):
        JSON.log.error("failed", exc_info=each)
        line = JSON.json_line()
        assert "S3cr3t" not in str(line)
        if "?" not in text:  # A query string is left out.
            assert "[redacted]" in line["error.message"]
            assert "[redacted]" in line["exception"]
        assert ("raise error" in line["exception"]) == (has_source or each is group)


def test_source_lines_of_a_traceback_are_shown() -> None:
    password = "x"
    try:
        int(password, base=len(password) or 10)  # token=password
    except ValueError:
        JSON.log.exception("failed")
    assert "# token=password" in JSON.json_line()["exception"]


@pytest.mark.parametrize("before", [0, 500, 990, 1_000, 5_000, 9_990, 14_000, 40_000])
@pytest.mark.parametrize("after", [0, 400, 900, 5_000, 9_900, 40_000])
@pytest.mark.parametrize("length", [20, 2_500, 30_000])
def test_a_secret_is_hidden_wherever_its_text_is_cut(
    before: int, after: int, length: int
) -> None:
    for filling in ("x", "word "):
        for text in (
            f"{filling * (before // len(filling))} token={'S3cr3t' * (length // 6)} ",
            f"{filling * (before // len(filling))} {PEM.format('S3cr3t' * 500)} ",
        ):
            text += filling * (after // len(filling))
            line = logged(text, text=text, nested=[text])
            assert "S3cr3t" not in str(line)
            assert len(line["event"]) <= 20_000
            assert len(line["nested"][0]) <= 1_000


UNITS = [
    "=", ":", "a=", "a: ", "password", "password ", "password=", "password: ", "token: a ",
    "token: is ", "://", "://a", "://a@", "://a:b", "@", "https:\\/\\/", '"', "'", "\\",
    "a:\\'", "\\'", "password='", 'password="', "password='\\'", 'password=\\"',
    "password=[", "password=['\n", "password=[\"'", "password=(()", "password=a,",
    "'password=['\n", "[", "(", "{", "]", " ", "\t", "\n", "\n ", "a", "a ", "A", "1", "é",
    "%", "%5d", "is ", "too ", ", ", ";", "?", "?a", "?a=", "a=b; ", "cookie=a; ", "Cookie: ",
    'Cookie: a="', "Bearer ", "Bearer a", "pwd=/", "| ", '  File "', '  File "", line 1\n',
    '  File "", line 1\n    a\n', '", line 1', "-", "-----BEGIN ", "-----BEGIN A",
    "-----BEGIN PRIVATE KEY-----", "-----END ",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_hiding_secrets_is_linear_in_the_text(unit: str) -> None:
    """A quadratic search of a text this long would not come to an end."""
    redact_text = module("internals.redaction").redact_text
    strip_queries = module("internals.errors").strip_queries
    for start, length in [
        ("", 1_000_000),
        ("password=", 1_000_000),
        ("token: ", 50_000),
        ("token=['", 50_000),
        ("x://", 50_000),
        ('  File "', 50_000),
    ]:
        text = start + unit * (length // len(unit))
        assert strip_queries(redact_text(text)) is not None
