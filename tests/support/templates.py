"""The template as it stands in the work tree, rendered by Copier itself."""

from __future__ import annotations

import atexit
import functools
import io
import shlex
import shutil
import subprocess
import tempfile
from contextlib import chdir, redirect_stderr, redirect_stdout
from importlib.metadata import entry_points
from pathlib import Path
from typing import Self
from unittest.mock import patch

import copier

REPOSITORY = Path(__file__).parents[2]

_PARTS = ("copier.yml", "hooks", "template", "CHANGELOG.md")


@functools.cache
def template() -> Path:
    """Return a plain folder that holds the template, uncommitted changes included.

    Copier clones a git repository for every copy, and commits what is
    uncommitted; a plain folder it reads as it is, in a third of the time.
    """
    folder = Path(tempfile.mkdtemp(prefix="template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    export(folder)
    return folder


def render(folder: Path, /, **answers: object) -> Path:
    """Copy the template into `folder` and return the package in it.

    Questions without an answer take their default. Nothing is trusted.
    """
    copier.run_copy(
        str(template()),
        folder,
        data=answers,
        # Copier would look for it, by a template, three times a file.
        answers_file=".copier-answers.yml",
        defaults=True,
        unsafe=False,
        quiet=True,
    )
    return folder / "telemetry"


class Template:
    """The template as a git repository with releases, for copies that are updated."""

    def __init__(self, folder: Path, version: str | None = "v1.0.0") -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        git(folder, "init", "--quiet")
        export(folder)
        self.release(version)

    @classmethod
    def at(cls, folder: Path) -> Self:
        """Take a clone of this repository as it is."""
        template = cls.__new__(cls)
        template.folder = folder
        return template

    def release(self, version: str | None) -> None:
        """Commit the folder as it is now and tag it, unless `version` is None."""
        commit(self.folder)
        if version:
            git(self.folder, "tag", version)

    def copy(
        self, folder: Path, /, *, vcs_ref: str | None = None, **answers: object
    ) -> None:
        """Copy the latest release, or that of `vcs_ref`."""
        copier.run_copy(
            str(self.folder),
            folder,
            vcs_ref=vcs_ref,
            data=answers,
            defaults=True,
            unsafe=False,
            quiet=True,
        )

    def update(
        self,
        folder: Path,
        /,
        *,
        answers_file: str | None = None,
        quiet: bool = True,
        **answers: object,
    ) -> None:
        """Update to the latest release; `answers` replace those of the last time."""
        copier.run_update(
            folder,
            data=answers,
            answers_file=answers_file,
            defaults=True,
            overwrite=True,
            unsafe=False,
            quiet=quiet,
        )


def copier_command(
    command: str, cwd: Path, *, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run `copier …` as it is pasted into a shell. Messages are on stderr.

    It runs in this process, where Copier is imported already.
    """
    program, *arguments = shlex.split(command)
    [entry] = entry_points(group="console_scripts", name=program)
    status: object = 0
    with (
        chdir(cwd),
        redirect_stdout(io.StringIO()) as stdout,
        redirect_stderr(io.StringIO()) as stderr,
        patch("sys.argv", [program, *arguments]),
    ):
        try:
            entry.load()()
        except SystemExit as end:
            status = end.code
    assert not check or not status, stderr.getvalue()
    code = status if isinstance(status, int) else int(bool(status))
    return subprocess.CompletedProcess(
        command, code, stdout.getvalue(), stderr.getvalue()
    )


def export(folder: Path) -> None:
    """Write the template as it stands in the work tree into `folder`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in listed.split("\0"):
        source = REPOSITORY / name
        if name.split("/")[0] in _PARTS and source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def git(folder: Path, *arguments: str, check: bool = True) -> str:
    """Run git in `folder` and return what it printed."""
    return subprocess.run(
        ["git", *arguments], cwd=folder, check=check, capture_output=True, text=True
    ).stdout


def commit(folder: Path, message: str = "A state to come back to") -> None:
    """Commit everything in `folder`, which becomes a repository if it is in none."""
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        git(folder, "init", "--quiet")
    git(folder, "add", "--all", ".")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
