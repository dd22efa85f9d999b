from __future__ import annotations

import os

import pytest

from .support import Template, combinations

# Counts what the hostile tests try.
pytest_plugins = ["tests.hostile.figures"]

# Whatever a developer configured for git must not decide what a test sees.
os.environ |= {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.com",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.com",
}


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two a core, because a test waits half of its time for servers and workers."""
    return (os.cpu_count() or 1) * 2


def pytest_report_header(config: pytest.Config) -> str:
    found: dict[str, list[str]] = {}
    for interpreter, django in combinations():
        version = ".".join(map(str, interpreter.version))
        found.setdefault(version, []).append(django)
    pairs = [f"{version} (Django {', '.join(d)})" for version, d in found.items()]
    return f"rendered for: Python {', '.join(pairs)}"


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The work tree as a template of one release. Not to be changed."""
    return Template(tmp_path_factory.mktemp("released") / "template")
