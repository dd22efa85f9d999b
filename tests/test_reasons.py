"""Why a request was refused is in its one line, without a traceback or a value."""

from __future__ import annotations

from typing import Any

import pytest

from .support import REPOSITORY, Project, json_lines

URLS = REPOSITORY / "tests" / "project_files" / "reasons_urls.py"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary="
JSON = "application/json"
HOST = "Invalid HTTP_HOST header: 'evil.example'. You may need to add 'evil.example'"

Call = tuple[str, str, str, dict[str, str]]


def get(path: str, **headers: str) -> Call:
    return "GET", path, "", headers


def post(path: str, body: str, content_type: str, **headers: str) -> Call:
    return "POST", path, body, {"content-type": content_type, **headers}


def place(view: str) -> str:
    """Return the line of the view's body, as `error.at` has it."""
    above = URLS.read_text().partition(f"def {view}(")[0]
    return f"config/urls.py:{above.count(chr(10)) + 2} in {view}"


# Of each refusal: the request, its status, and the reason in its line.
REFUSALS: dict[str, tuple[Call, int, dict[str, Any]]] = {
    "csrf": (
        post("/", "a=1", FORM),
        403,
        {"error.type": "csrf", "error.message": "CSRF cookie not set."},
    ),
    "csrf, a referer with a query": (
        post(
            "/",
            "a=1",
            FORM,
            **{
                "referer": "https://other.example/a?token=hunter2",
                "cookie": f"csrftoken={'a' * 32}",
                "x-forwarded-proto": "https",
            },
        ),
        403,
        {
            "error.type": "csrf",
            "error.message": "Referer checking failed - https://other.example/a"
            " does not match any trusted origins.",
        },
    ),
    "host": (
        get("/?email=bob@example.com", host="evil.example"),
        400,
        {
            "error.type": "django.core.exceptions.DisallowedHost",
            "error.message": f"{HOST} to ALLOWED_HOSTS.",
        },
    ),
    "view denies": (
        get("/denied/?email=bob@example.com"),
        403,
        {
            "error.type": "django.core.exceptions.PermissionDenied",
            "error.message": "not your team",
            "error.at": place("denied"),
        },
    ),
    "async view denies": (
        get("/denied/async/"),
        403,
        {
            "error.message": "not your team",
            "error.at": place("denied_async"),
        },
    ),
    "bad request": (
        get("/bad/"),
        400,
        {
            "error.type": "django.core.exceptions.BadRequest",
            "error.message": "no such round",
        },
    ),
    "suspicious view": (
        get("/suspicious/?email=bob@example.com"),
        400,
        {
            "error.type": "django.core.exceptions.SuspiciousOperation",
            "error.message": "forged invoice",
        },
    ),
    "middleware denies": (
        get("/middleware/denied/?email=bob@example.com"),
        403,
        {
            "error.type": "django.core.exceptions.PermissionDenied",
            "error.message": "blocked country",
        },
    ),
    "suspicious middleware": (
        get("/middleware/suspicious/"),
        400,
        {
            "error.type": "django.core.exceptions.SuspiciousOperation",
            "error.message": "forged header",
        },
    ),
    "too many fields": (
        post("/form/", "&".join(f"f{n}=bob" for n in range(12)), FORM),
        400,
        {"error.type": "django.core.exceptions.TooManyFieldsSent"},
    ),
    "malformed body": (
        post("/form/", "x", MULTIPART),
        400,
        {"error.type": "django.http.multipartparser.MultiPartParserError"},
    ),
    "drf, not authenticated": (
        get("/members/"),
        403,
        {
            "error.type": "not_authenticated",
            "error.message": "Authentication credentials were not provided.",
        },
    ),
    "drf, denied by Django's exception": (
        get("/own/?kind=denied"),
        403,
        {"error.type": "permission_denied", "error.message": "not your team"},
    ),
    "drf, throttled": (
        get("/throttled/"),
        429,
        {
            "error.type": "throttled",
            "error.message": "Request was throttled. Expected available in 5 seconds.",
        },
    ),
    "drf, malformed": (
        post("/orders/", '{"email": ', JSON),
        400,
        {"error.type": "parse_error"},
    ),
    "drf, method": (
        get("/orders/"),
        405,
        {
            "error.type": "method_not_allowed",
            "error.message": 'Method "GET" not allowed.',
        },
    ),
    "drf, own code": (
        get("/own/?kind=stock"),
        409,
        {"error.type": "out_of_stock", "error.message": "Nothing is left."},
    ),
    "drf, invalid without a field": (
        get("/own/?kind=text"),
        400,
        {"error.type": "taken"},
    ),
    "drf, fields": (
        post(
            "/orders/",
            '{"email": "bob@", "items": [{"price": 2}, {"price": 0}, {}],'
            ' "options": {"bob@example.com": "x", "size": "L"}}',
            JSON,
        ),
        400,
        {
            "error.type": "invalid",
            "error.fields": {
                "email": "invalid",
                "password": "required",
                "items.1.price": "min_value",
                "items.2.price": "required",
                "options.?": "invalid",
                "options.size": "invalid",
            },
        },
    ),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("reasons") / "shop",
        otel_exporter="none",
        extra=["djangorestframework", "gunicorn", "uvicorn"],
    )
    project.write("config/urls.py", URLS.read_text())
    project.environ["LOG_FORMAT"] = "json"
    project.configure(
        ALLOWED_HOSTS=["localhost"],
        DEBUG=False,
        DATA_UPLOAD_MAX_NUMBER_FIELDS=10,
        SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    )
    project.edit(
        "config/settings.py",
        '    "django.middleware.common.CommonMiddleware",'
        if '"django.middleware.common' in project.settings.read_text()
        else "    'django.middleware.common.CommonMiddleware',",
        '    "django.middleware.common.CommonMiddleware",\n    "config.urls.middleware",',
    )
    return project


@pytest.fixture(scope="module", params=["gunicorn", "uvicorn"])
def lines(request: pytest.FixtureRequest, project: Project) -> dict[str, Any]:
    """The lines of each refusal, sync and async; nothing else is logged."""
    with project.serve(request.param) as server:
        for method, path, body, headers in (call for call, _, _ in REFUSALS.values()):
            answer = server.request(
                method, path, body.encode(), {"host": "localhost", **headers}
            )
            assert answer.status >= 400
    assert "bob" not in server.stdout + server.stderr
    assert "hunter2" not in server.stdout + server.stderr
    assert "Traceback" not in server.stdout + server.stderr
    site = ("django", "telemetry", "uvicorn.access")
    found = [x for x in json_lines(server.stdout) if x["logger"].startswith(site)]
    assert len(found) == len(REFUSALS), server.stdout
    return dict(zip(REFUSALS, found, strict=True))


@pytest.mark.parametrize("refusal", REFUSALS)
def test_the_line_has_the_reason(lines: dict[str, Any], refusal: str) -> None:
    line, (_, status, reason) = lines[refusal], REFUSALS[refusal]
    assert line["event"] == "request_completed"
    assert line["http.status_code"] == status
    assert {name: line.get(name) for name in reason} == reason
    assert "exception" not in line
