"""Interpreters of this machine, and virtual environments that are made once."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .templates import REPOSITORY

_CACHE = REPOSITORY / ".cache" / "environments"
_SUPPORTED = ((3, 11), (3, 12), (3, 13), (3, 14))


@dataclass(frozen=True, order=True)
class Interpreter:
    version: tuple[int, ...]
    path: str

    @property
    def minor(self) -> str:
        """The version as people name it: 3.13."""
        return ".".join(map(str, self.version[:2]))


@functools.cache
def interpreters() -> tuple[Interpreter, ...]:
    """Return the newest CPython of each supported minor version, oldest first.

    They are looked for on the path and where pyenv and uv keep theirs. The
    variable TEST_PYTHONS narrows them: `TEST_PYTHONS="3.11 3.13" make test`.
    """
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv"))
    candidates = {sys.executable}
    for _, minor in _SUPPORTED:
        candidates.add(shutil.which(f"python3.{minor}") or sys.executable)
        candidates.update(map(str, pyenv.glob(f"versions/3.{minor}.*/bin/python")))
        managed = home.glob(f".local/share/uv/python/cpython-3.{minor}.*/bin/python3")
        candidates.update(map(str, managed))

    newest: dict[tuple[int, ...], Interpreter] = {}
    wanted = os.environ.get("TEST_PYTHONS", "").split()
    for found in sorted(filter(None, map(_interpreter, candidates))):
        if not wanted or found.minor in wanted:
            newest[found.version[:2]] = found
    return tuple(newest[minor] for minor in _SUPPORTED if minor in newest)


def environment(
    interpreter: Interpreter,
    requirements: Iterable[str],
    *,
    resolution: str = "highest",
) -> Path:
    """Return the `bin` folder of an environment with `requirements` installed.

    It is kept under `.cache/` and made anew only when the interpreter or a line
    of the requirements changes. Modules are compiled when they are imported, for
    few are. A `resolution` of "lowest-direct" takes the oldest versions that the
    requirements allow.
    """
    lines = sorted(
        {line.partition(" #")[0].strip() for line in requirements} - {"", "#"}
    )
    lines = [line for line in lines if not line.startswith("#")]
    key = json.dumps([interpreter.path, interpreter.version, lines, resolution])
    folder = _CACHE / hashlib.sha256(key.encode()).hexdigest()[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _uv("venv", "--clear", "--python", interpreter.path, str(folder))
            _uv(
                "pip",
                "install",
                f"--python={folder}",
                f"--resolution={resolution}",
                *lines,
            )
            (folder / "complete").write_text("\n".join(lines))
    return folder / "bin"


def _interpreter(path: str) -> Interpreter | None:
    """Describe the interpreter, or None if it does not start or is not CPython."""
    question = (
        "import sys; print(sys.base_prefix, sys.implementation.name,"
        "*sys.version_info[:3], sys.version_info.releaselevel, sep='|')"
    )
    asked = subprocess.run(
        [path, "-c", question], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        return None
    prefix, implementation, *numbers, level = asked.stdout.strip().split("|")
    version = tuple(map(int, numbers))
    if implementation != "cpython" or level != "final":
        return None
    return Interpreter(version, f"{prefix}/bin/python{version[0]}.{version[1]}")


def _uv(*arguments: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "uv", *arguments, "--quiet", "--no-progress"],
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise RuntimeError(f"uv {' '.join(arguments)}\n{finished.stderr}")
