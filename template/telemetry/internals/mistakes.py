"""Calls the functions of `fields.py`: a mistake there costs its own fields only."""

import traceback
from collections.abc import Callable
from logging import WARNING
from typing import Any

# The field that names the first mistake of a line.
ERROR = "telemetry.error"


def fields_from(line: dict[str, Any], function: Callable[..., Any], *args: Any) -> None:
    """Put the fields that `function` returns into `line`."""
    try:
        line.update(function(*args))
    except Exception as error:
        _name_mistake(line, function, error)


def level_from(
    line: dict[str, Any], function: Callable[..., int | None], *args: Any
) -> int | None:
    """Return the level that `function` decides on, None for no line."""
    try:
        level = function(*args)
        if level is None or isinstance(level, int):
            return level
        raise TypeError(f"a level must be an int or None; got {level!r}")
    except Exception as error:
        _name_mistake(line, function, error)
        return WARNING


def trust_from(line: dict[str, Any], function: Callable[..., bool], *args: Any) -> bool:
    """Return whether `function` trusts a client; it does not if it raises."""
    try:
        return bool(function(*args))
    except Exception as error:
        _name_mistake(line, function, error)
        return False


def _name_mistake(
    line: dict[str, Any], function: Callable[..., Any], error: Exception
) -> None:
    text = traceback.format_exception_only(error)[-1].strip()
    line.setdefault(ERROR, f"{function.__name__}: {text}")
