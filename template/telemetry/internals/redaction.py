"""Secrets: which names mean one, and how their values are hidden in texts."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from ..fields import HARMLESS_KEYS, SECRET_WORDS

REDACTED = "[redacted]"

# Under these a number, a word or prose is no secret: `token: 5`, `jwt: expired`.
_GENERATED = ["authorization", "cookie", "credential", "jwt", "key", "secret"]
_GENERATED += ["session_id", "token"]
_CAMEL_CASE = re.compile("(?<=[a-z])(?=[A-Z])")


def _parts(key: str) -> list[str]:
    return re.split("[^a-z0-9]+", _CAMEL_CASE.sub("_", key).lower())


def _ending_in(words: Iterable[str], start: str = "") -> re.Pattern[str]:
    """Return a pattern of lower-case keys that end in one of `words`."""
    endings = (
        ("(?<![a-z])" if len(word) <= 3 else start) + "[^a-z]?".join(_parts(word))
        for word in words
    )
    # `%5d` is the bracket of `user[password]` in a URL.
    return re.compile(f"(?:{'|'.join(endings)})s?(?:[^a-z]|%5d)*$")


_SECRET_KEY = _ending_in(SECRET_WORDS)
_HARMLESS_KEY = _ending_in(HARMLESS_KEYS, "(?<![a-z])")
_GENERATED_KEY = _ending_in(_GENERATED)
# A text without the longest part of a secret word, and without a scheme, has none.
_HINTS = {max(reversed(_parts(word)), key=len) for word in SECRET_WORDS}
_HINT = re.compile("|".join(_HINTS | {"basic", "bearer"}))

# All patterns are linear: repetitions are possessive, bounded, or cannot overlap.
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*+(?:(?<=PRIVATE KEY)|(?<=PRIVATE KEY BLOCK))-----"
    r"(?s:.*?)(?:-----END [A-Z0-9 ]*+-----|\Z)"
)
_URL_CREDENTIALS = re.compile(
    r"""(?<=:)((?:\\?/){2})(?:[^\s/?#\\"']|\\(?!/)|["'](?![\s,;:)\]}>]))*@"""
)
# A frame of a traceback with its source, which is left as it is; a name and its
# sign, as `key=`, `"key": ` or `user[key] => `; a scheme in front of a token.
_NAME = re.compile(
    r"""
    ^(?P<frame>[| ]*+)(?<=[ ][ ])File[ ]"[^"\n]*+",[ ]line[ ]\d++.*+
        (?:\n(?P=frame)[ ][ ].*+)++
    | (?<![\w.%-])(?P<key>[\w.%-]{1,200}+)[\\"'\[\])]{0,9}+[^\S\n]*+
        (?P<sign>=>|:=|!?={1,3}+|:(?!:))
    | (?<![\w.%-])(?i:Basic|Bearer)[ ]++(?=[\w.~+/-]{16}|[A-Za-z.~+/_-]*+[0-9])
    """,
    re.VERBOSE | re.MULTILINE,
)
# Before a value: blanks, a line break if the next line is indented, a scheme.
_BLANKS = r"(?:[^\S\n]|\n[ \t|]++)"
_SCHEME = r"(?i:ApiKey|Basic|Bearer|Digest|DPoP|JWT|Negotiate|OAuth|Token)"
_START = re.compile(f"{_BLANKS}*+(?:{_SCHEME}{_BLANKS}++)?+")
_QUOTED = r"""(?<!\\)(?:"(?:[^"]|(?<=\\)")*+"|'(?:[^']|(?<=\\)')*+')"""
_NESTED = "(?!)"
for _ in range(6):
    _NESTED = r"""[\[({](?:[^\[\](){}"'\\]++|\\.|QUOTED|["']|NESTED)*+[\])}]""".replace(
        "NESTED", _NESTED
    )
# Strings and brackets to their end, over several lines, or else to the line's.
_VALUE = re.compile(
    r"""
    (?P<quoted>[bBrR]?(?:QUOTED
        |(?P<quote>\\{1,8}+["'])(?:(?!(?<!\\)(?P=quote)).)*+(?P=quote)))
    | (?P<nested>[\w.]*+NESTED)
    | (?P<open>(?:[\w.]*+[\[({]|\\{0,8}["'])(?=\S)[^\n]*+)
    | (?P<bare>(?:[^\s"'&,;)\]}]|["'](?=\w)|,(?=[^\s"'])(?![\w.%-]*+[=:]))++)
    """.replace("NESTED", _NESTED).replace("QUOTED", _QUOTED),
    re.VERBOSE | re.DOTALL,
)
# The rest of a header's line: any scheme, all cookies.
_HEADER = re.compile(rf"""(?:[^\r\n"'\\]|(?<==)(?:{_QUOTED}|["']))++""")
# What is no secret: prose; nothing; one word or a small number; a folder as `pwd`.
_PLAIN = re.compile(
    r"""
    (?P<prose>(?:WORD[ ]){0,8}
        (?:is|are|was|were|has|have|had|must|may|can|cannot|should|be|does|did|not|too)
        (?=[\s.,!]|\Z)(?:[ ]WORD){0,20}+[.!]?)
    | (?:(?P<nothing>(?i:none|null|nil|true|false|undefined))
        | (?P<word>[A-Z]?[a-z]{3,11}|[A-Z]{4,12}|-?\d{1,4}(?:\.\d{1,4})?)
        | (?P<folder>/[\w./-]{0,200}+))
    (?=[^\S\n]*+(?:[\n;)\]}&]|,["']|[,."'\\<>]++(?:[\s)\]}]|\Z)|\Z)
        |[ ]++[\w.%-]++[=:])
    """.replace("WORD", r"(?:[A-Z]?[a-z]{0,14}(?:'[a-z]{1,2})?,?|\d{1,4})"),
    re.VERBOSE,
)


class Codes(dict[str, str]):
    """Short plain texts by name; a name may end in a secret word, as in a form."""


@lru_cache(maxsize=4096)
def secrecy(key: str) -> int:
    """Return whether `key` names a secret: 0 is no, 1 is a generated one, 2 is any."""
    words = _CAMEL_CASE.sub("_", key).lower()
    if not _SECRET_KEY.search(words) or _HARMLESS_KEY.search(words):
        return 0
    return 1 if _GENERATED_KEY.search(words) else 2


def is_secret(key: str, value: Any) -> bool:
    """Return True if `key` is secret and `value` can be one."""
    kind = type(value)  # `isinstance` would evaluate a lazy object.
    if value is None or kind is bool or not secrecy(key):
        return False
    if issubclass(kind, int | float):
        return secrecy(key) == 2
    if issubclass(kind, str):
        text = str.__str__(value)
        return text != "" and not _is_plain(key, _PLAIN.fullmatch(text))
    return kind not in (bytes, dict, list, set, tuple) or bool(value)


def redact_text(text: str) -> str:
    """Hide private keys, credentials in URLs, and values that have a secret's name."""
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub(REDACTED, text)
    if "=" not in text and ":" not in text:
        return text
    if "@" in text:
        text = _URL_CREDENTIALS.sub(rf"\1{REDACTED}@", text)
    # Optimisation: of several lines most are source, which is skipped faster.
    if "\n" not in text and not _HINT.search(text.lower()):
        return text
    parts, end = [], 0
    for name in _NAME.finditer(text):
        key = name["key"] or ("token" if name["frame"] is None else "")
        if name.start() >= end and secrecy(key):
            start, stop = _value_after(name, key, text)
            if stop > start:
                parts += [text[end:start], REDACTED]
                end = stop
    return "".join(parts) + text[end:]


def _value_after(name: re.Match[str], key: str, text: str) -> tuple[int, int]:
    """Return where the secret after `name` starts and ends; none is empty."""
    start = _START.match(text, name.end()).end()  # type: ignore[union-attr]
    in_prose = name["sign"] == ":"
    is_header = key.lower().rstrip("s").endswith(("authorization", "cookie"))
    inner = None if is_header else _NAME.match(text, start)
    has_inner = inner and secrecy(inner["key"] or "")
    is_plain = has_inner or _is_plain(key, _PLAIN.match(text, start), in_prose)
    if is_plain or (value := _VALUE.match(text, start)) is None:
        return start, start
    if value.lastgroup != "bare":
        content = value[0].strip("\\\"'[](){} \n")
        is_plain = not content or _is_plain(key, _PLAIN.fullmatch(content))
        return start, start if is_plain else value.end()
    if is_header and (in_prose or text.startswith(";", value.end())):
        value = _HEADER.match(text, start) or value
    return start, value.end()


def _is_plain(key: str, found: re.Match[str] | None, in_prose: bool = False) -> bool:
    """Return True if what `_PLAIN` has matched is no secret under `key`."""
    kind = found and found.lastgroup
    if kind == "folder":
        return key.lower() == "pwd"
    if kind == "nothing" or kind == "prose" and in_prose or found is None:
        return found is not None
    return secrecy(key) == 1 and not secrecy(found["word"] or "")
