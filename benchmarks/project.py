"""The Django project that every variant serves: what `startproject` gives, and few views."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib import import_module
from typing import Any

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler

PATH = "/api/tournaments/5/"
USER_PATH = "/api/tournaments/5/user/"
LINES_PATH = "/api/tournaments/5/lines/"
QUERIES_PATH = "/api/tournaments/5/queries/"
ASYNC_PATH = "/api/tournaments/5/async/"
SLOW_PATH = "/api/tournaments/5/slow/"

HEADERS = {
    "Host": "shop.example.com",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Referer": "https://shop.example.com/api/tournaments/",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "same-origin",
    "Priority": "u=0, i",
}


def start(peer: str, **more: Any) -> Any:
    """Set Django up with the peer's settings, and return the peer's module."""
    module = import_module(f"benchmarks.peers.{peer}")
    configured = {**_settings(), **more}
    getattr(module, "configure", lambda settings: None)(configured)
    settings.configure(**configured)
    django.setup()
    getattr(module, "started", lambda: None)()
    return module


def sync_requests(path: str = PATH, cookie: str = "") -> Callable[[int], None]:
    """Return what serves that many requests, one after the other, as WSGI does."""
    handler = WSGIHandler()
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "shop.example.com",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.url_scheme": "http",
        **{f"HTTP_{k.upper().replace('-', '_')}": v for k, v in HEADERS.items()},
    }
    if cookie:
        environ["HTTP_COOKIE"] = cookie

    def run(count: int) -> None:
        for _ in range(count):
            handler(environ | {"wsgi.input": io.BytesIO()}, _start_response).close()

    return run


async def async_request(handler: ASGIHandler, path: str = ASYNC_PATH) -> None:
    """Serve one request below the ASGI protocol: middleware and view, no thread of Django's."""
    request = handler.request_class(_SCOPE | {"path": path}, io.BytesIO())
    response = await handler.get_response_async(request)
    assert response.status_code == 200


_SCOPE = {
    "type": "http",
    "method": "GET",
    "query_string": b"",
    "scheme": "http",
    "server": ("shop.example.com", 80),
    "client": ("192.0.2.1", 5000),
    "headers": [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()],
}


def _start_response(status: str, headers: list[tuple[str, str]]) -> None:
    assert status == "200 OK"


def _settings() -> dict[str, Any]:
    return {
        "ALLOWED_HOSTS": ["*"],
        "DATABASES": {
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
        },
        "INSTALLED_APPS": [
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
        ],
        "MIDDLEWARE": [
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        "ROOT_URLCONF": "benchmarks.urls",
        "SECRET_KEY": "benchmarks",
        "USE_TZ": True,
    }
