"""Renders the template and runs what came out, for real.

    package = render(tmp_path, use_celery=True)      a telemetry/ package
    project = Project.start(tmp_path / "shop")       a Django project around one
    project.manage("check")
    with project.serve("uvicorn") as server:
        server.get("/")
        [line] = server.wait_for("request_completed")

Everything is safe to use from several pytest-xdist workers at once.
"""

from .environments import Interpreter, environment, interpreters
from .lines import json_lines
from .processes import Process, Response, Server
from .projects import DJANGO_VERSIONS, Project, combinations
from .templates import (
    REPOSITORY,
    Template,
    commit,
    copier_command,
    export,
    git,
    render,
    template,
)
from .terminals import DOWN, Terminal

__all__ = [
    "DJANGO_VERSIONS",
    "DOWN",
    "REPOSITORY",
    "Interpreter",
    "Process",
    "Project",
    "Response",
    "Server",
    "Template",
    "Terminal",
    "combinations",
    "commit",
    "copier_command",
    "environment",
    "export",
    "git",
    "interpreters",
    "json_lines",
    "render",
    "template",
]
