"""Messages: an event and its arguments become text, as in `logging`."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from .guard import guard
from .representation import asks_database, plain, show
from .serialization import MAX_ITEMS, SCALARS, clean_value, is_container


def message(event: Any, args: Any) -> str:
    """Return `str(event) % args`.

    Arguments that do not fit, or that cannot be shown, stand behind the text.
    """
    text = event if type(event) is str else _text(event)
    if not args:
        return text
    try:
        return _merge(text, args)
    except Exception:
        rest = args.values() if isinstance(args, Mapping) else args
        return " ".join([text, *map(show, islice(rest, MAX_ITEMS))])


def _text(event: Any) -> str:
    try:
        with guard():
            return plain(str(_printable(event)))
    except Exception:
        return show(event)


def _merge(text: str, args: Any) -> str:
    if len(args) == 1 and type(args) is tuple:
        # Like `logging`: a mapping alone gives its values by name.
        args = args[0] if isinstance(args[0], Mapping) and args[0] else args
    if isinstance(args, Mapping):
        args = clean_value(args)
    elif SCALARS.issuperset(map(type, args)):
        return str(text % args)
    else:
        args = tuple(map(_printable, args))
    with guard():
        merged: str = text % args
        return merged


def _printable(value: Any) -> Any:
    """Any other value formats itself; these would be long, or ask."""
    if is_container(value):
        return clean_value(value)
    return show(value) if asks_database(type(value)) else value
