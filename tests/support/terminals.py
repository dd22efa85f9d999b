"""Copier as a person sees it, in a terminal of 80 columns."""

from __future__ import annotations

import io
import os
import re
import sys

import pexpect

DOWN = "\x1b[B"

_CLEAR_LINE = "\x15"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][0-9A-B]|\r")


class Terminal:
    """`copier` with these arguments, answered question by question."""

    def __init__(self, *arguments: str, cwd: str | None = None) -> None:
        self._log = io.StringIO()
        self._child = pexpect.spawn(
            sys.executable,
            ["-m", "copier", *arguments],
            cwd=cwd,
            # Without this, prompt_toolkit asks the terminal where the cursor is.
            env=os.environ | {"PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm"},
            dimensions=(40, 80),
            encoding="utf-8",
            timeout=20,
        )
        self._child.logfile_read = self._log

    def answer(
        self,
        question: str | None,
        keys: str = "",
        *,
        enter: bool = True,
        refused: str | None = None,
    ) -> None:
        """Wait for the question and press keys, then Enter.

        An answer that must be `refused` is taken back, and the same question,
        `None`, waits for the next.
        """
        if question is not None:
            self._child.expect_exact(question)
        self._child.send(keys + "\r" * enter)
        if refused is not None:
            self._child.expect_exact(refused)
            self._child.send(_CLEAR_LINE)

    def wait(self) -> str:
        """Wait for the end, which must be a good one, and return what was shown."""
        self._child.expect(pexpect.EOF)
        self._child.close()
        shown = _ESCAPES.sub("", self._log.getvalue())
        assert self._child.exitstatus == 0, shown
        return shown
