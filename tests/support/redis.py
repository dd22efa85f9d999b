"""A Redis of the tests' own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .processes import Server, free_port


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Start `redis-server` and give its URL, or skip where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is missing")
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    server = Server(
        [program, *options, "--dir", str(folder)],
        port=port,
        cwd=folder,
        env=dict(os.environ),
    )
    with server:
        yield f"redis://127.0.0.1:{port}"
