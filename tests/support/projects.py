"""Django projects made as a user makes them."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from .environments import Interpreter, environment, interpreters
from .processes import Process, Server, free_port
from .templates import REPOSITORY, render

# The Python versions that each Django supports, by its release notes.
DJANGO_VERSIONS = {
    "5.2": ("3.11", "3.12", "3.13", "3.14"),
    "6.0": ("3.12", "3.13", "3.14"),
    "6.1": ("3.12", "3.13", "3.14"),
}


# What a file of tests/beside_rendered with this in its name needs of the package.
_NEEDED = {
    "websocket": "websocket.py",
    "celery": "celery.py",
    "queries": "internals/queries.py",
    "running": "internals/running.py",
    "commands": "commands.py",
    "schema": "internals/schema.py",
    "tracing": "tracing.py",
}


@functools.cache
def combinations() -> tuple[tuple[Interpreter, str], ...]:
    """Return each interpreter of this machine with each Django that supports it.

    The variable TEST_DJANGOS narrows them: `TEST_DJANGOS="5.2" make test`.
    """
    wanted = os.environ.get("TEST_DJANGOS", "").split()
    return tuple(
        (interpreter, django)
        for interpreter in interpreters()
        for django, pythons in DJANGO_VERSIONS.items()
        if interpreter.minor in pythons and (not wanted or django in wanted)
    )


@functools.cache
def _startproject(interpreter: Interpreter, requirement: str) -> Path:
    """Return what `startproject` makes, in a folder that is made once."""
    folder = Path(tempfile.mkdtemp(prefix="startproject-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    program = str(environment(interpreter, [requirement]) / "django-admin")
    command = [program, "startproject", "config", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@dataclass
class Project:
    """A project from `startproject` with the package in it, wired by the README."""

    folder: Path
    interpreter: Interpreter
    requirements: tuple[str, ...]
    resolution: str = "highest"
    environ: dict[str, str] = field(default_factory=dict)

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        interpreter: Interpreter | None = None,
        django: str | None = None,
        extra: Iterable[str] = (),
        resolution: str = "highest",
        wire: bool = True,
        **answers: object,
    ) -> Self:
        """Start a project in `folder` and render the package into it.

        Without a choice it runs on the newest interpreter here and the newest
        Django for that. Its environment holds Django, the package's own
        requirements and `extra`, nothing else.
        """
        interpreter, django = [
            (python, version)
            for python, version in combinations()
            if interpreter in (None, python) and django in (None, version)
        ][-1]
        requirement = f"django~={django}.0"
        shutil.copytree(_startproject(interpreter, requirement), folder)
        package = render(folder, **answers)
        requirements = (package / "requirements.txt").read_text().splitlines()
        project = cls(
            folder,
            interpreter,
            requirements=(requirement, *requirements, *extra),
            resolution=resolution,
        )
        if wire:
            project.wire()
        return project

    @functools.cached_property
    def bin(self) -> Path:
        """The folder of its environment's programs."""
        return environment(
            self.interpreter, self.requirements, resolution=self.resolution
        )

    @property
    def settings(self) -> Path:
        return self.folder / "config" / "settings.py"

    def with_extra(self, *requirements: str) -> Self:
        """Return the same project on an environment that holds these as well."""
        return replace(self, requirements=(*self.requirements, *requirements))

    def wire(self) -> None:
        """Make the README's edits."""
        self.edit(
            "config/settings.py",
            "INSTALLED_APPS = [",
            'INSTALLED_APPS = [\n    "telemetry",',
        )
        self.edit(
            "config/settings.py",
            "MIDDLEWARE = [",
            'MIDDLEWARE = [\n    "telemetry.middleware.TelemetryMiddleware",',
        )
        if (self.folder / "telemetry" / "commands.py").exists():
            self.edit(
                "manage.py",
                "from django.core.management import execute",
                "from telemetry.commands import execute",
            )

    def configure(self, **settings: object) -> None:
        """Append settings: `project.configure(DEBUG=False)`."""
        lines = "".join(f"{name} = {value!r}\n" for name, value in settings.items())
        self.write("config/settings.py", f"{self.settings.read_text()}\n{lines}")

    def write(self, path: str, text: str) -> None:
        """Write a file of the project, making its folders."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        # Python takes a text of the same second and length for the same text.
        shutil.rmtree(target.parent / "__pycache__", ignore_errors=True)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace `old`, which must stand in the file, by `new`, once."""
        text = (self.folder / path).read_text()
        assert old in text, f"{path} has no {old!r}"
        self.write(path, text.replace(old, new, 1))

    def add_tests_beside(self) -> None:
        """Put tests/beside_rendered, as far as it fits, beside the rendered tests."""
        package = self.folder / "telemetry"
        shared = [package / "tests" / name for name in ("__init__.py", "lines.py")]
        for file in [*shared, *(REPOSITORY / "tests" / "beside_rendered").glob("*.py")]:
            needed = [path for name, path in _NEEDED.items() if name in file.name]
            if all((package / path).exists() for path in needed):
                self.write(f"telemetry/tests_beside/{file.name}", file.read_text())

    def manage(
        self, *arguments: str, check: bool = True, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `manage.py`; with `check`, a failure raises and shows the output."""
        return self.run("python", "manage.py", *arguments, check=check, **environ)

    def run(
        self, program: str, *arguments: str, check: bool = True, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment to its end, in the project's folder."""
        finished = subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.folder,
            env=self._environ(environ),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if check and finished.returncode:
            command = " ".join([program, *arguments])
            raise AssertionError(
                f"{command}: {finished.returncode}\n{finished.stdout}{finished.stderr}"
            )
        return finished

    def spawn(self, program: str, *arguments: str, **environ: str) -> Process:
        """Start a program of the environment that goes on, as a Celery worker does."""
        return Process(
            [self.bin / program, *arguments],
            cwd=self.folder,
            env=self._environ(environ),
        )

    def serve(self, kind: str, *arguments: str, **environ: str) -> Server:
        """Start a server, "runserver" or another, and return once it listens.

        Others must be among the project's `extra` requirements.
        """
        port = free_port()
        address = f"127.0.0.1:{port}"
        command = {
            "runserver": ["python", "manage.py", "runserver", "--noreload", address],
            "gunicorn": ["gunicorn", "config.wsgi", "--bind", address],
            "uvicorn": ["uvicorn", "config.asgi:application", "--port", str(port)],
            "daphne": ["daphne", "--port", str(port), "config.asgi:application"],
            "hypercorn": ["hypercorn", "config.asgi:application", "--bind", address],
            "granian": [
                *("granian", "config.asgi:application", "--interface=asgi"),
                *("--host=127.0.0.1", f"--port={port}"),
            ],
        }[kind]
        if kind == "daphne":
            command[1:1] = arguments
        else:
            command += arguments
        return Server(
            [self.bin / command[0], *command[1:]],
            port=port,
            cwd=self.folder,
            env=self._environ(environ),
        )

    def _environ(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return a small environment, so that this machine's settings stay out."""
        kept = {
            name: os.environ[name]
            for name in ("HOME", "LANG", "LC_ALL", "TMPDIR")
            if name in os.environ
        }
        return {
            **kept,
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONUNBUFFERED": "1",
            **self.environ,
            **more,
        }
