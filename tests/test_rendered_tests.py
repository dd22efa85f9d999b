"""The package's own tests pass in a project that has only what it asks for."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from .support import Interpreter, Project, combinations
from .support.redis import redis

FIELD_NAMES = ("classic", "stable")
SCHEMAS = ("plain", "gcp", "datadog", "ecs")
ALSO_LOG: tuple[list[str], ...] = ([], ["running"], ["commands"])
RESOURCES = ("", "tournament", "tournament, draft, match, team", "person: people")


def cases() -> list[Any]:
    """Every set of requirements; interpreters, Djangos and the rest take turns."""
    sets = itertools.product(
        (True, False), (True, False), ("none", "console", "otlp-http", "otlp-grpc")
    )
    turns = itertools.cycle(combinations())
    found = []
    for number, (channels, celery, exporter) in enumerate(sets):
        interpreter, django = next(turns)
        answers = {
            "use_channels": channels,
            "use_celery": celery,
            "otel_exporter": exporter,
            "field_names": FIELD_NAMES[number % 2],
            "resource_labels": RESOURCES[number % 4],
            "log_queries": number % 3 == 1,
            "also_log": ALSO_LOG[number // 2 % len(ALSO_LOG)],
            "log_schema": SCHEMAS[number // 2 % 4],
        }
        chosen = ["channels"] * channels + ["celery"] * celery + [exporter]
        name = f"py{interpreter.minor}-django{django}-{'-'.join(chosen)}"
        # Every third, which is each exporter, and each interpreter, at least once.
        with_pytest = number % 3 == 0
        found.append(pytest.param(interpreter, django, answers, with_pytest, id=name))
    return found


@pytest.mark.parametrize(("interpreter", "django", "answers", "with_pytest"), cases())
def test_the_rendered_tests_pass(
    tmp_path: Path,
    interpreter: Interpreter,
    django: str,
    answers: dict[str, Any],
    with_pytest: bool,
) -> None:
    """Under `manage.py test`, and under pytest once that is installed beside."""
    project = Project.start(
        tmp_path / "shop", interpreter=interpreter, django=django, **answers
    )
    project.add_tests_beside()
    finished = project.manage("test", "telemetry")
    assert count(finished.stderr) > 80
    assert "System check identified no issues (0 silenced)" in finished.stdout

    if with_pytest:
        other = project.with_extra("pytest", "pytest-django")
        assert "passed" in other.run("pytest", "telemetry").stdout


def test_the_rendered_tests_pass_on_the_oldest_requirements(tmp_path: Path) -> None:
    """The floors of requirements.txt are versions that work."""
    interpreter, django = combinations()[0]
    project = Project.start(
        tmp_path / "shop",
        interpreter=interpreter,
        django=django,
        resolution="lowest-direct",
        use_channels=True,
        use_celery=True,
        otel_exporter="otlp-http",
        resource_labels=RESOURCES[2],
    )
    project.manage("check", "--fail-level=WARNING")
    assert count(project.manage("test", "telemetry").stderr) > 0


def count(output: str) -> int:
    found = re.search(r"Ran (\d+) test", output)
    return int(found[1]) if found else 0


DEMANDING = """
import os
ATOMIC_REQUESTS = True
DATABASES["default"]["ATOMIC_REQUESTS"] = True
DATABASES["default"]["NAME"] = BASE_DIR / "must_not_be_made.sqlite3"
TEMPLATES[0]["DIRS"] = [BASE_DIR / "templates"]
MIDDLEWARE = ["config.queries.middleware", *MIDDLEWARE]
DEBUG_PROPAGATE_EXCEPTIONS = True
FORCE_SCRIPT_NAME = "/shop"
ALLOWED_HOSTS = ["shop.example"]
SECURE_SSL_REDIRECT = True
# Like a Redis that is down: whoever asks for the layer fails.
CHANNEL_LAYERS = {"default": {"BACKEND": "config.layers.Unreachable"}}
SILENCED_SYSTEM_CHECKS = ["telemetry.W001", "telemetry.W002", "telemetry.W003"]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {
        name: {"handlers": ["console"], "level": "ERROR", "propagate": False}
        for name in ("django", "django.request", "telemetry", "shop", "site")
    },
}
"""
QUERYING = """
from django.contrib.auth.models import User

def middleware(get_response):
    def inner(request):
        User.objects.count()
        return get_response(request)
    return inner
"""
APPLICATION = """
from celery import Celery

app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")
"""
WAITING = """
import redis, sys
client = redis.Redis.from_url(sys.argv[1])
if sys.argv[2:]:
    for number in range(5):
        client.lpush("celery", f"waiting {number}")
print(sorted((key.decode(), client.type(key).decode()) for key in client.keys()))
print(client.lrange("celery", 0, -1))
"""


@pytest.mark.parametrize("switch", ["on", "off"])
def test_the_rendered_tests_are_guests(tmp_path: Path, switch: str) -> None:
    """They pass whatever the project is like, and touch nothing of it."""
    project = Project.start(
        tmp_path / "shop",
        extra=["redis"],
        otel_exporter="otlp-http",
        use_celery=True,
        use_channels=True,
        log_queries=True,
        resource_labels="tournament",
    )
    project.write("config/settings.py", project.settings.read_text() + DEMANDING)
    project.write("config/queries.py", QUERYING)
    project.write("config/celery.py", APPLICATION)
    project.write("config/__init__.py", "from .celery import app as celery_app\n")
    for name in ("404.html", "500.html"):
        project.write(f"templates/{name}", '{% url "nowhere" %}')
    with redis(tmp_path) as broker:
        before = project.run("python", "-c", WAITING, broker, "fill").stdout
        project.environ |= {
            "CELERY_BROKER_URL": broker,
            "CELERY_RESULT_BACKEND": broker,
            "TELEMETRY_ENABLED": "true" if switch == "on" else "false",
            "TELEMETRY_TRUST_REQUEST_ID": "false",
            "TELEMETRY_EXCLUDED_PATHS": "/*",
            "LOG_LEVEL": "ERROR",
            "LOG_FORMAT": "pretty",
            "OTEL_SDK_DISABLED": "true",
            "OTEL_PROPAGATORS": "tracecontext",
        }
        assert count(project.manage("test", "telemetry").stderr) > 0
        other = project.with_extra("pytest", "pytest-django")
        assert "passed" in other.run("pytest", "telemetry").stdout
        assert project.run("python", "-c", WAITING, broker).stdout == before
    assert not list(project.folder.glob("*.sqlite3"))
