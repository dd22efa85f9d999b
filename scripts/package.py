"""Run the package's own tests, and those in tests/beside_rendered.

`make package` runs all of them on a package with all options; `make package
TEST=test_labels` only those that have this in their name, their class or their
file. Uncommitted changes are included.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support import Project

from .render import ALL


def main() -> int:
    test, *arguments = sys.argv[1:] or [""]
    with tempfile.TemporaryDirectory() as folder:
        project = Project.start(Path(folder) / "shop", **ALL)
        project.add_tests_beside()
        python = str(project.bin / "python")
        command = [python, "manage.py", "test", "telemetry", "-k", test or "test_"]
        command += arguments
        return subprocess.run(command, cwd=project.folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
