"""Secrets: which names mean one, and how their values are hidden.

Keys of data are exact. Texts are searched by one small scanner, which covers
what people and libraries write most, not everything.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from ..fields import HARMLESS_KEYS, SECRET_WORDS

REDACTED = "[redacted]"

# Under these a number, a word or prose is no secret: `token: 5`, `jwt: expired`.
_GENERATED = ["authorization", "cookie", "credential", "jwt", "key", "secret"]
_GENERATED += ["session_id", "token"]


def _ending_in(words: Iterable[str], start: str = "") -> re.Pattern[str]:
    """Return a pattern of lower-case keys that end in one of `words`."""
    endings = (
        ("(?<![a-z])" if len(word) <= 3 else start) + word.replace("_", "[^a-z]?")
        for word in words
    )
    # `%5d` is the bracket of `user[password]` in a URL.
    return re.compile(f"(?:{'|'.join(endings)})s?(?:[^a-z]|%5d)*$")


_SECRET_KEY = _ending_in(SECRET_WORDS)
_HARMLESS_KEY = _ending_in(HARMLESS_KEYS, "(?<![a-z])")
_GENERATED_KEY = _ending_in(_GENERATED)
_CAMEL_CASE = re.compile("(?<=[a-z])(?=[A-Z])")

# All patterns are linear: repetitions are possessive, bounded, or cannot overlap.
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*+(?:(?<=PRIVATE KEY)|(?<=PRIVATE KEY BLOCK))-----"
    r"(?s:.*?)(?:-----END [A-Z0-9 ]*+-----|\Z)"
)
_URL_CREDENTIALS = re.compile(
    r"""(?<=:)((?:\\?/){2})(?:[^\s/?#\\"']|\\(?!/)|["'](?![\s,;:)\]}>]))*@"""
)
_QUERY = re.compile(r"""(?<=\S)\?[\w.~%\[\]+-]++=[^\s"'<>\\]*+""")
# A frame of a traceback with its source, which is left as it is; a name and its
# sign, as `key=`, `"key": ` or `user[key] => `; a scheme in front of a token.
_NAME = re.compile(
    r"""
    ^(?P<frame>[| ]*+)(?<=[ ][ ])File[ ]"[^"\n]*+",[ ]line[ ]\d++.*+
        (?:\n(?P=frame)[ ][ ].*+)++
    | (?<![\w.%-])(?P<key>[\w.%-]++)[\\"'\[\])]{0,9}+[^\S\n]*+
        (?P<sign>=>|:=|!?={1,3}+|:(?!:))(?:[^\S\n]|\n(?=[ \t]))*+
        (?:(?i:ApiKey|Basic|Bearer|Digest|DPoP|JWT|Negotiate|OAuth|Token)
        (?:[^\S\n]|\n(?=[ \t]))++)?+
    | (?<![\w.%-])(?i:Basic|Bearer)[ ]++(?=[\w.~+/-]{16}|[A-Za-z.~+/_-]*+[0-9])
    """,
    re.VERBOSE | re.MULTILINE,
)
_QUOTED = r"""(?<!\\)(?:"(?:[^"]|(?<=\\)")*+"|'(?:[^']|(?<=\\)')*+')"""
_NESTED = "(?!)"
for _ in range(6):
    _NESTED = (
        rf"""[\[({{](?:[^\[\](){{}}"'\\]++|\\.|{_QUOTED}|["']|{_NESTED})*+[\])}}]"""
    )
# Strings and brackets to their end, over several lines, or else to the line's.
_VALUE = re.compile(
    rf"""
    (?P<quoted>[bBrR]?(?:{_QUOTED}
        |(?P<quote>\\{{1,8}}+["'])(?:(?!(?<!\\)(?P=quote)).)*+(?P=quote)))
    | (?P<nested>[\w.]*+{_NESTED})
    | (?P<open>(?:[\w.]*+[\[({{]|\\{{0,8}}["'])(?=\S)[^\n]*+)
    | (?P<bare>(?:[^\s"'&,;)\]}}]|["'](?=\w)|,(?=[^\s"'])(?![\w.%-]*+[=:]))++)
    """,
    re.VERBOSE | re.DOTALL,
)
# The rest of a header's line: any scheme, all cookies.
_HEADER = re.compile(rf"""(?:[^\r\n"'\\]|(?<==)(?:{_QUOTED}|["']))++""")
_WORD = r"(?:[A-Z]?[a-z]{0,14}(?:'[a-z]{1,2})?,?|\d{1,4})"
_VERB = "is|are|was|were|has|have|had|must|may|can|cannot|should|be|does|did|not|too"
# What is no secret: prose; nothing; one word or a small number; a folder as `pwd`.
_PLAIN = re.compile(
    rf"""
    (?P<prose>(?:{_WORD}[ ]){{0,8}}(?:{_VERB})(?=[\s.,!]|\Z)
        (?:[ ]{_WORD}){{0,20}}+[.!]?)
    |(?:(?P<nothing>(?i:none|null|nil|true|false|undefined))
    |(?P<word>[A-Z]?[a-z]{{3,11}}|[A-Z]{{4,12}}|-?\d{{1,4}}(?:\.\d{{1,4}})?)
    |(?P<folder>/[\w./-]{{0,200}}+))
    (?=[^\S\n]*+(?:[\n;)\]}}&]|,["']|[,."'\\<>]++(?:[\s)\]}}]|\Z)|\Z)
        |[ ]++[\w.%-]++[=:])
    """,
    re.VERBOSE,
)


class Codes(dict[str, str]):
    """Short plain texts by name; a name may end in a secret word, as in a form."""


def is_secret(key: str) -> bool:
    """Return True if `key` ends in a secret word."""
    return _secrecy(key[-100:]) > 0


@lru_cache(maxsize=4096)
def _secrecy(key: str) -> int:
    """Return 0 for no secret, 1 if only a generated value is one, 2 if any is."""
    words = _CAMEL_CASE.sub("_", key).lower()
    if not _SECRET_KEY.search(words) or _HARMLESS_KEY.search(words):
        return 0
    return 1 if _GENERATED_KEY.search(words) else 2


def is_secret_value(key: str, value: Any) -> bool:
    """Return True if `key` is secret and `value` can be one."""
    kind = type(value)  # `isinstance` would evaluate a lazy object.
    if value is None or kind is bool or not is_secret(key):
        return False
    if issubclass(kind, int | float):
        return _secrecy(key[-100:]) == 2
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
    parts, end = [], 0
    for name in _NAME.finditer(text):
        key = name["key"] or ("token" if name["frame"] is None else "")
        if name.start() >= end and is_secret(key):
            start, end_of_value = name.end(), _end_of_value(text, name, key)
            if end_of_value > start:
                parts += [text[end:start], REDACTED]
                end = end_of_value
    return "".join(parts) + text[end:]


def _end_of_value(text: str, name: re.Match[str], key: str) -> int:
    """Return where the secret after `name` ends; its start, if there is none."""
    start, in_prose = name.end(), name["sign"] == ":"
    is_header = key.lower().rstrip("s").endswith(("authorization", "cookie"))
    inner = None if is_header else _NAME.match(text, start)
    if inner and is_secret(inner["key"] or ""):
        return start
    if _is_plain(key, _PLAIN.match(text, start), in_prose):
        return start
    value = _VALUE.match(text, start)
    if value is None:
        return start
    if value.lastgroup != "bare":
        content = value[0].strip("\\\"'[](){} \n")
        is_plain = not content or _is_plain(key, _PLAIN.fullmatch(content))
        return start if is_plain else value.end()
    if is_header and (in_prose or text.startswith(";", value.end())):
        value = _HEADER.match(text, start) or value
    return value.end()


def _is_plain(key: str, found: re.Match[str] | None, in_prose: bool = False) -> bool:
    """Return True if what `_PLAIN` has matched is no secret under `key`."""
    kind = found and found.lastgroup
    if kind == "folder":
        return key.lower() == "pwd"
    if kind == "nothing" or kind == "prose" and in_prose or found is None:
        return found is not None
    return _secrecy(key[-100:]) == 1 and not is_secret(found["word"] or "")


def strip_queries(text: str) -> str:
    """Return `text` without the query strings of its URLs."""
    return _QUERY.sub("", text) if "?" in text else text
