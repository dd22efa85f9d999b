"""Secrets: which keys name one, and how their values are hidden."""

import re
from collections.abc import Iterable
from typing import Any

REDACTED = "[redacted]"

# A key is secret if it ends in one of these, in any spelling: `db_password`,
# `apiKey`, `X-Auth-Token`, `password2`; not `token_count`. A word of three
# letters must stand alone: `user_pin`, not `spin`.
SECRET_WORDS = (
    "access_key",
    "api_key",
    "api_keys",
    "authorization",
    "card_number",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "cvv",
    "encryption_key",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "password_confirmation",
    "password_hash",
    "passwords",
    "pin",
    "private_key",
    "pwd",
    "secret",
    "secret_key",
    "secrets",
    "session_id",
    "session_key",
    "signing_key",
    "token",
    # Add your own below this line.
)

# Keys that end in a secret word and name none.
HARMLESS_KEYS = (
    "continuation_token",
    "max_token",
    "page_token",
    # Add your own below this line.
)

# Elsewhere a number is no secret: `token: 5`.
NUMERIC_SECRETS = ("card_number", "cvv", "passwd", "password", "pin", "pwd")


def _ending_in(words: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of lower-case keys that end in one of `words`."""
    patterns = []
    for word in words:
        start = "(?<![a-z])" if len(word) == 3 else ""
        patterns.append(start + word.replace("_", "[^a-z]?"))
    return re.compile(f"(?:{'|'.join(patterns)})[^a-z]*$")


_SECRET_KEY = _ending_in(SECRET_WORDS)
_HARMLESS_KEY = _ending_in(HARMLESS_KEYS)
_NUMERIC_KEY = _ending_in(NUMERIC_SECRETS)
_ANY_SECRET = re.compile("|".join(word.replace("_", "") for word in SECRET_WORDS))
_URL_CREDENTIALS = re.compile(r"(?<=://)[^\s/@'\"]+@")
# `key=value`, `"key": "value"`, `Key: value`. Repetitions are possessive, so
# that time stays linear in the text's length.
_NAME = re.compile(
    r"""
    (?<![\w.-]) (?P<key>[\w.-]++) (?P<quote>\\*["']?) \s{0,8}
    (?P<sign>[=:]) \s{0,8} (?:(?:Basic|Bearer|Digest|Token)\s++)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
# `"value"`, `b'value'`, `Secret("value")`; `[a, b]`; `value`.
_VALUE = re.compile(
    r"""
    [\w.]*+ \(?+ (?P<quote>\\*+["']) (?:(?!(?<!\\)(?P=quote))[^\n])*+ (?P=quote)?+
    | \[ [^\]\n]*+ \]?+ | \( [^)\n]*+ \)?+ | \{ [^}\n]*+ \}?+
    | [^\s"'&,;)\]}]++
    """,
    re.VERBOSE,
)
# Of a header: any scheme, all cookies, to the end of the line or the quotes.
_HEADERS = ("authorization", "cookie")
_HEADER_VALUE = re.compile(r"[^\r\n\"'\\]*+")
_PLAIN_WORD = re.compile(r"[a-z]+\.?")
_SOURCE_FOLLOWS = re.compile(r'[| ]*File ".*", line \d+')


def is_secret(key: str) -> bool:
    """Return True if `key` ends in a secret word."""
    lower = key[-100:].lower()
    return bool(_SECRET_KEY.search(lower) and not _HARMLESS_KEY.search(lower))


def is_secret_value(key: str, value: Any) -> bool:
    """Return True if `key` is secret and `value` can be one."""
    kind = type(value)  # `isinstance` would evaluate a lazy object.
    if issubclass(kind, bool) or not is_secret(key):
        return False
    return not issubclass(kind, int | float) or bool(_NUMERIC_KEY.search(key.lower()))


def redact_text(text: str) -> str:
    """Hide values that `text` names as secrets, and credentials in URLs.

    `name: word` without quotes stays if the value is one lower-case word:
    "the token: field is required" is prose. Source code in a traceback stays.
    """
    if "=" not in text and ":" not in text:
        return text
    if "://" in text:
        text = _URL_CREDENTIALS.sub(f"{REDACTED}@", text)
    glued = text.lower().replace("_", "").replace("-", "")
    if not _ANY_SECRET.search(glued):
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if number == 0 or not _SOURCE_FOLLOWS.match(lines[number - 1]):
            lines[number] = _redact_values(line)
    return "\n".join(lines)


def _redact_values(text: str) -> str:
    parts, end = [], 0
    for name in _NAME.finditer(text):
        if name.start() < end or not is_secret(name["key"]):
            continue
        value = _VALUE.match(text, name.end())
        if value is None or _is_prose(name, value[0]):
            continue
        parts += [text[end : name.end()], REDACTED]
        end = value.end()
        if name["sign"] == ":" and name["key"].lower().endswith(_HEADERS):
            end = _HEADER_VALUE.match(text, end).end()  # type: ignore[union-attr]
    return "".join(parts) + text[end:]


def _is_prose(name: re.Match[str], value: str) -> bool:
    is_pair = name["sign"] == "=" or name["quote"] or name[0][-2:-1].isalpha()
    return not is_pair and _PLAIN_WORD.fullmatch(value) is not None
