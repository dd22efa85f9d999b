"""Management commands: one context and one line for each."""

import os
import sys
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django.core import management
from django.core.management.base import CommandError

from . import fields
from .internals import crashes, environment
from .internals.errors import exception_fields
from .internals.mistakes import fields_from, level_from
from .internals.record import get_logger
from .internals.scope import Scope

log = get_logger("telemetry.commands")

# As shells have it: 128 and the number of SIGINT.
INTERRUPTED = 130


def execute_from_command_line(argv: Sequence[str] | None = None) -> None:
    """Run a command as Django's function of this name does, and log how it ended.

    For `manage.py`, in place of Django's. Lines go to stderr unless LOG_STREAM is
    set, because stdout is for what the command writes.
    """
    arguments = list(argv or sys.argv)
    name = arguments[1] if len(arguments) > 1 else "help"
    if _is_silent(name):
        management.execute_from_command_line(arguments)
        return
    environment.default_log_stream = "stderr"
    run = _CommandRun(name, arguments[2:])
    try:
        management.execute_from_command_line(arguments)
    except BaseException as error:
        run.end(error)
        raise
    else:
        run.end()
    finally:
        run.scope.exit()


def _is_silent(name: str) -> bool:
    if name in fields.SILENT_COMMANDS or name.startswith("-"):
        return True
    # Shells run manage.py with this variable to complete a word.
    is_completion = "DJANGO_AUTO_COMPLETE" in os.environ
    return is_completion or not environment.load(os.environ).enabled


class _CommandRun:
    """One command: its context, and the line about how it ended."""

    def __init__(self, name: str, arguments: list[str]) -> None:
        self._name = name
        self._started = time.perf_counter()
        context: dict[str, Any] = {"request.id": str(uuid4()), "command.name": name}
        fields_from(context, fields.command_fields, name, arguments)
        self.scope = Scope(context)

    def end(self, error: BaseException | None = None) -> None:
        """Write the line, unless settings have switched telemetry off, or failed."""
        if not (environment.environment().enabled and log.hasHandlers()):
            return
        status = _exit_status(error)
        duration_ms = round((time.perf_counter() - self._started) * 1000, 2)
        line: dict[str, Any] = {"exit_status": status, "duration_ms": duration_ms}
        line.update(self.scope.last_fields())
        line.update(_reason(error))
        level = level_from(line, fields.command_level, self._name, status, duration_ms)
        if level is not None and log.isEnabledFor(level):
            log.log(level, "command_failed" if status else "command_completed", **line)
            crashes.logged_error = error


def _exit_status(error: BaseException | None) -> int:
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, SystemExit):
        # Python prints a text, and exits with 1.
        return error.code if isinstance(error.code, int) else int(bool(error.code))
    return 0 if error is None else 1


def _reason(error: BaseException | None) -> dict[str, Any]:
    """Return the fields of what ended a command."""
    if isinstance(error, KeyboardInterrupt):
        return {"error.type": "KeyboardInterrupt"}
    if not isinstance(error, SystemExit):
        return {"exc_info": error} if error else {}
    # Django exits while it handles a CommandError.
    if isinstance(error.__context__, CommandError):
        reason = exception_fields(error.__context__)
        del reason["exception"]
        return reason
    return {"error.message": error.code} if isinstance(error.code, str) else {}
