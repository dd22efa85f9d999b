"""A management command leaves one line."""

import io
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

from ..commands import execute_from_command_line
from ..internals import environment
from .lines import LinesTestCase


class CommandTests(LinesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.enterContext(patch.object(environment, "default_log_stream", "stdout"))
        self.enterContext(redirect_stdout(io.StringIO()))
        self.enterContext(redirect_stderr(io.StringIO()))

    def test_command_that_succeeds_is_completed(self) -> None:
        execute_from_command_line(["manage.py", "check", "--list-tags"])
        [line] = self.output.named("command_completed")
        self.assertEqual(line["command.name"], "check")
        self.assertEqual(line["exit_status"], 0)
        self.assertGreater(line["duration_ms"], 0)
        self.assertIn("request.id", line)

    def test_command_error_is_failed_with_its_text(self) -> None:
        with self.assertRaises(SystemExit):
            execute_from_command_line(["manage.py", "check", "--tag=nothing"])
        [line] = self.output.named("command_failed")
        self.assertEqual(line["exit_status"], 1)
        self.assertIn('"nothing" tag', line["error.message"])
        self.assertNotIn("exception", line)

    def test_silent_command_has_no_line(self) -> None:
        execute_from_command_line(["manage.py", "version"])
        self.assertEqual(self.output.lines, [])
