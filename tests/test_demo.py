from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from scripts.picture import THEMES, text_of

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
    output = finished.stdout
    assert finished.returncode == 0, output + finished.stderr
    lines = json_lines(output)
    events = {"request_completed", "task_completed", "ws_disconnected"}
    assert events <= {line["event"] for line in lines}
    assert {line["request.id"] for line in lines} == {"demo-1"}
    assert {line["user.id"] for line in lines} == {1}
    # Django's line, a refusal with its reason, a failure with its place.
    assert re.search(r'"POST /orders/7/checkout/ HTTP/1.1" 403 \d+\n', output)
    assert "http.status_code=403" in output
    assert "error.message='card expired'" in output
    assert "error.at='shop/urls.py:20 in total'" in output
    assert "\x1b[" not in output
    assert "manage.py runserver" in output
    for theme in THEMES:
        name = f"terminal-{theme}.svg"
        committed = (REPOSITORY / "pictures" / name).read_text()
        drawn = (tmp_path / "demo" / name).read_text()
        text = text_of(drawn)
        assert text.count("request.id=demo-1user.id=1order.id=7") == 3
        assert "http.status_code=403error.message='cardexpired'" in text
        assert text == text_of(committed), f"cp .demo/{name} pictures/"
