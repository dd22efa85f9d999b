"""Render the package with all options into a scratch folder, and print where.

`make render` runs this. Uncommitted changes are included.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tests.support import render

ALL: dict[str, Any] = {
    "resource_labels": "tournament, draft, person: people",
    "use_channels": True,
    "use_celery": True,
    "log_queries": True,
    "also_log": ["running", "commands"],
    "otel_exporter": "otlp-http",
    "service_name": "shop",
}


def main() -> None:
    package = render(Path(tempfile.mkdtemp(prefix="render-")), **ALL)
    files = sorted(package.rglob("*.py"))
    lines = sum(len(file.read_text().splitlines()) for file in files)
    print(f"{package}: {len(files)} modules, {lines} lines")


if __name__ == "__main__":
    main()
