"""Why a request was refused, from Django's records and DRF's responses."""

import logging
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from .errors import error_fields
from .redaction import Codes

# Of the errors of a request's body: how deep, and how many.
MAX_DEPTH = 8
MAX_FIELDS = 20

_CSRF_LOGGER = "django.security.csrf"
# Django's text about a wrong referer has its whole URL.
_QUERY = re.compile(r"\?\S*")
# Keys and codes that are shown: names only, because clients choose keys.
_NAME = re.compile(r"[\w-]{1,64}")


def refusal_fields(
    records: Iterable[logging.LogRecord], response: Any
) -> dict[str, Any]:
    """Return why a request got `response`: `error.type`, `error.message`.

    `records` are those that Django has logged about the request: the exception of
    one, or CSRF's reason. {} if neither they nor the response have a reason.
    """
    for record in records:
        if record.exc_info and record.exc_info[1]:
            return error_fields(record.exc_info[1])
        args = record.args
        if record.name == _CSRF_LOGGER and isinstance(args, tuple) and args:
            message = _QUERY.sub("", str(args[0]))
            return {"error.type": "csrf", "error.message": message}
    return _reason_of_drf(response)


def _reason_of_drf(response: Any) -> dict[str, Any]:
    """Return the reason in the response to an error that DRF has handled, or {}.

    `error.type` is DRF's code and `error.message` its detail. Errors of fields have
    the type `invalid`, and codes by field as `error.fields`, never a value.
    """
    # DRF sets `exception` for errors only; the texts in `data` have their codes.
    if getattr(response, "exception", None) is not True:
        return {}
    codes = Codes()
    errors = _errors(getattr(response, "data", None), ())
    for path, error in islice(errors, MAX_FIELDS):
        code = str(error.code)
        if path == ("detail",) and code != "invalid":
            return {"error.type": code, "error.message": str(error)}
        codes.setdefault(".".join(path), _name(code))
    if codes.keys() <= {""}:  # Of no field.
        return {"error.type": codes[""]} if codes else {}
    return {"error.type": "invalid", "error.fields": codes}


def _errors(data: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Return the texts in `data` that have a code, with the path to each."""
    kind = type(data)  # `isinstance` would evaluate a lazy object.
    if issubclass(kind, str):
        if getattr(data, "code", None):
            yield path, data
    elif issubclass(kind, dict) and len(path) < MAX_DEPTH:
        for key, value in data.items():
            yield from _errors(value, (*path, _name(str(key))))
    elif issubclass(kind, list | tuple) and len(path) < MAX_DEPTH:
        for number, value in enumerate(data):
            # The texts about one field are a list, too.
            is_text = issubclass(type(value), str)
            yield from _errors(value, path if is_text else (*path, str(number)))


def _name(text: str) -> str:
    return text if _NAME.fullmatch(text) else "?"
