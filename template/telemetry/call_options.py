"""Options of a call: arguments that `logging` knows, and so no fields."""

import sys
import traceback
from typing import Any

from .exceptions import exception_fields, exception_of

OPTIONS = frozenset({"exc_info", "stack_info", "stacklevel"})


def without_options(
    fields: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options, resolved, and the fields without them."""
    options = {key: fields[key] for key in OPTIONS & fields.keys()}
    if type(options.get("stacklevel")) is not int:
        options.pop("stacklevel", None)
    options["stack_info"] = _is_true(options.get("stack_info"))
    fields = {key: fields[key] for key in fields if key not in options}
    exc_info = options.get("exc_info")
    error = exception_of(exc_info)
    if error is None and _is_true(exc_info):
        error = exception_of(sys.exc_info())
    options["exc_info"] = error
    if error is not None:
        fields |= exception_fields(error)
    if options["stack_info"]:
        # This function, `_emit`, the method called, its caller.
        stack = traceback.format_stack(sys._getframe(3))
        fields["stack"] = "".join(stack)
    return options, fields


def _is_true(option: Any) -> bool:
    """Whether it is true or 1; what else there is may refuse to say."""
    return type(option) in (bool, int) and bool(option)
