"""A secret that is planted somewhere is in no output, whatever the exporter."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .hostile.figures import count
from .hostile.package import many, module
from .hostile.site import PROJECT_FILES, start_site
from .support import Project
from .support.otlp import Receiver


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


@pytest.mark.parametrize("unit", ["a=", "password=", "://", "://a@", '"', "\\", "a:\\'", "[", " "])  # fmt: skip
def test_hiding_secrets_is_linear_in_the_text(unit: str) -> None:
    """A long text comes to an end, whatever is in it."""
    text = "password " + unit * (1_000_000 // len(unit))
    assert module("internals.redaction").redact_text(text)
