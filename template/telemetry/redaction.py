"""Secrets: which keys name one, and how their values are hidden."""

import re
from functools import lru_cache

REDACTED = "[redacted]"

# A key is secret if it ends in one of these, in any spelling: `db_password`,
# `apiKey`, `X-Auth-Token`, `password2`; not `token_count`.
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
    "csrfmiddlewaretoken",
    "csrftoken",
    "cvv",
    "encryption_key",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "password_confirmation",
    "password_hash",
    "passwords",
    "private_key",
    "pwd",
    "secret",
    "secret_key",
    "secrets",
    "session_id",
    "session_key",
    "sessionid",
    "set_cookie",
    "signing_key",
    "token",
    # Add your own above this line.
)

# Keys that end in a secret word and name none.
HARMLESS_KEYS = (
    "continuation_token",
    "max_token",
    "page_token",
    # Add your own above this line.
)


def _glued(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.replace("_", "") for word in words)


_SECRET_ENDS = _glued(SECRET_WORDS)
_HARMLESS_ENDS = _glued(HARMLESS_KEYS)
_ANY_SECRET = re.compile("|".join(_SECRET_ENDS))
_NOT_LETTERS = re.compile(r"[^a-z]+")
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
_VALUE = re.compile(
    r"""
    (?:[A-Za-z]{1,2}|[\w.]++\()?
    (?:
        "(?:\\++"?|[^"\\\n])*+"?
        | '(?:\\++'?|[^'\\\n])*+'?
        | (?P<quote>\\+["'])(?:(?!(?<!\\)(?P=quote))[^\n])*+(?P=quote)?
    )
    | \[[^\]\n]*+\]? | \([^)\n]*+\)? | \{[^}\n]*+\}?
    | [^\s"'&,;)\]}]++
    """,
    re.VERBOSE,
)
_PLAIN_WORD = re.compile(r"[a-z]+\.?")
_SOURCE_LINE = re.compile(r'  File ".*", line \d+')


@lru_cache(maxsize=10_000)
def is_secret(key: str) -> bool:
    """Return True if `key` ends in a secret word."""
    letters = _NOT_LETTERS.sub("", key.lower())
    if not letters.endswith(_SECRET_ENDS):
        return False
    return not letters.endswith(_HARMLESS_ENDS)


def redact_text(text: str) -> str:
    """Hide values that `text` names as secrets, and credentials in URLs.

    `name: word` without quotes stays if the value is one lower-case word:
    "the token: field is required" is prose.
    """
    if "=" not in text and ":" not in text:
        return text
    if "://" in text:
        text = _URL_CREDENTIALS.sub(f"{REDACTED}@", text)
    glued = text.lower().replace("_", "").replace("-", "")
    if _ANY_SECRET.search(glued):
        return _redact_values(text)
    return text


def redact_traceback(text: str) -> str:
    """Like `redact_text`; lines of source code stay as they are."""
    if redact_text(text) == text:
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        previous = lines[number - 1] if number else ""
        if not _SOURCE_LINE.match(previous.lstrip("| ").rjust(len(previous))):
            lines[number] = redact_text(line)
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
    return "".join(parts) + text[end:]


def _is_prose(name: re.Match[str], value: str) -> bool:
    is_pair = name["sign"] == "=" or name["quote"] or name[0][-2:-1].isalpha()
    return not is_pair and _PLAIN_WORD.fullmatch(value) is not None
