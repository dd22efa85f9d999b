from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scripts.picture import THEMES, says

from .support import REPOSITORY, json_lines


def test_the_demo_shows_what_it_promises(tmp_path: Path) -> None:
    """Request, task and socket share one request id; it ends and says how to go on.

    The pictures in the README are those that it draws.
    """
    finished = subprocess.run(
        [sys.executable, "-m", "scripts.demo", tmp_path / "demo"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    lines = json_lines(finished.stdout)
    events = {"request_completed", "task_completed", "ws_disconnected"}
    assert events <= {line["event"] for line in lines}
    assert {line["request.id"] for line in lines} == {"demo-1"}
    assert "manage.py runserver" in finished.stdout
    for theme in THEMES:
        name = f"terminal-{theme}.svg"
        committed = (REPOSITORY / "pictures" / name).read_text()
        drawn = (tmp_path / "demo" / name).read_text()
        assert "request_completed" in says(drawn)
        assert says(drawn) == says(committed), f"cp .demo/{name} pictures/"
