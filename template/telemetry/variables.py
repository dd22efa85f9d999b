"""Environment variables: each is read with its rule and its default."""

from collections.abc import Callable, Mapping
from typing import TypeVar

TRUE = ("true", "1", "yes", "on")
FALSE = ("false", "0", "no", "off")

T = TypeVar("T")


class Reader:
    """Reads variables; a bad value becomes a problem, its default is used.

    A problem is one sentence that names the variable, the rule and the value.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self._environ = environ

    def __call__(self, name: str, default: T, parse: Callable[[str], T]) -> T:
        text = self._environ.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            problem = f"{name} {error}; got {text[:100]!r}."
            self.problems.append(f"{problem} Using {_show(default)}.")
            return default


def boolean(text: str) -> bool:
    if text.lower() in TRUE:
        return True
    if text.lower() in FALSE:
        return False
    raise ValueError("must be true or false")


def one_of(*names: str) -> Callable[[str], str]:
    """Return a rule: one of `names`, in upper or lower case."""

    def parse(text: str) -> str:
        for name in names:
            if name.lower() == text.lower():
                return name
        raise ValueError(f"must be one of {', '.join(names)}")

    return parse


def _show(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return str(default) if default else "nothing"
