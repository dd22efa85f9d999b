"""The package is a guest in projects that have their own ways."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from .support import Project, json_lines, render

ALL: dict[str, Any] = {
    "use_channels": True,
    "use_celery": True,
    "log_queries": True,
    "otel_exporter": "otlp-http",
    "resource_labels": "tournament",
}

STRICT = """
[tool.ruff]
line-length = 120
target-version = "py311"

[tool.ruff.lint]
select = ["ALL"]

[tool.ruff.lint.isort]
force-single-line = true

[tool.ruff.format]
quote-style = "single"
"""


def tree(folder: Path) -> dict[str, str]:
    return {str(file): file.read_text() for file in sorted(folder.rglob("*.py"))}


def test_a_projects_own_ruff_leaves_the_package_alone(tmp_path: Path) -> None:
    """Neither a finding nor a rewrite, whatever the project selects."""
    (tmp_path / "pyproject.toml").write_text(STRICT)
    package = render(tmp_path, **ALL)
    before = tree(package)
    for command in (["check", "--fix", "--unsafe-fixes"], ["format"]):
        finished = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
    assert tree(package) == before


# What cookiecutter-django gives a project, in few lines.
SETTINGS = """
INSTALLED_APPS += ["users"]
AUTH_USER_MODEL = "users.User"
DATABASES["default"]["ATOMIC_REQUESTS"] = True
TEMPLATES[0]["DIRS"] = [BASE_DIR / "templates"]
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
ALLOWED_HOSTS = ["localhost"]
DEBUG = False
from telemetry.logging import logging_config
LOGGING = logging_config()
LOGGING["formatters"]["verbose"] = {
    "format": "%(levelname)s %(asctime)s %(module)s %(process)d %(message)s",
}
LOGGING["handlers"]["file"] = {
    "class": "logging.FileHandler", "filename": BASE_DIR / "app.log", "formatter": "verbose",
}
LOGGING["root"]["handlers"].append("file")
LOGGING["loggers"]["django.db.backends"] = {"level": "ERROR"}
"""
USERS = """
import uuid
from django.contrib.auth.models import AbstractUser
from django.db import models

class User(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=255, blank=True)
    first_name = last_name = None
"""
CELERY = """
from celery import Celery

app = Celery("shop", task_cls="telemetry.celery:TelemetryTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
"""
ASK = """
import django
django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
call_command("makemigrations", "users", verbosity=0)
call_command("migrate", verbosity=0)
user = get_user_model().objects.create_superuser("ann", password="x")
client = Client(headers={"host": "localhost"})
client.force_login(user)
client.get("/admin/")
client.get("/nowhere/")
print(user.pk)
"""


def test_a_project_made_by_cookiecutter(tmp_path: Path) -> None:
    project = Project.start(tmp_path / "shop", **ALL)
    project.write("config/settings.py", project.settings.read_text() + SETTINGS)
    project.write("users/__init__.py", "")
    project.write("users/models.py", USERS)
    project.write("config/celery.py", CELERY)
    project.write("config/__init__.py", "from .celery import app as celery_app\n")
    for name in ("403.html", "404.html", "500.html"):
        project.write(f"templates/{name}", "{{ request.user.name }}")
    project.manage("check", "--fail-level=WARNING")

    *lines, key = project.run("python", "-c", ASK, LOG_FORMAT="json").stdout.split(
        "\n"
    )[:-1]
    admin, missing = (
        line
        for line in json_lines("\n".join(lines))
        if line["event"] == "request_completed"
    )
    assert admin["user.id"] == missing["user.id"] == key
    assert admin["db.queries"] >= 1
    assert (admin["http.status_code"], missing["http.status_code"]) == (200, 404)
    file = (project.folder / "app.log").read_text()
    assert len(re.findall(r"^\w+ .* request_completed$", file, re.MULTILINE)) == 2

    assert "\nOK\n" in project.manage("test", "telemetry").stderr


OWN_TEST = """
from django.test import SimpleTestCase
from telemetry.logging import get_logger
from telemetry.tests.lines import captured

class OrderTests(SimpleTestCase):
    def test_order_is_logged(self):
        with captured() as output:
            get_logger("shop").info("ordered", price=3)
        assert output.named("ordered")[0]["price"] == 3
"""


def test_a_projects_own_tests_can_assert_on_lines(tmp_path: Path) -> None:
    project = Project.start(tmp_path / "shop", otel_exporter="none")
    project.write("test_orders.py", OWN_TEST)
    finished = project.manage("test", "test_orders", LOG_LEVEL="ERROR")
    assert "\nOK\n" in finished.stderr
    assert finished.stdout.count("\n") <= 2  # No lines among the dots.
    other = project.with_extra("pytest", "pytest-django")
    assert "1 passed" in other.run("pytest", "test_orders.py").stdout
