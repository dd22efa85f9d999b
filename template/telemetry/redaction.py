"""Secrets: which keys mean one, and how it is hidden in fields and in text."""

import re

REDACTED = "[redacted]"

# Whole words of a key: `DB_TOKEN` and `apiKey` are meant, not `tokens_used`.
SECRET_WORDS = (
    "access_key",
    "access_token",
    "accesstoken",
    "api_key",
    "api_keys",
    "apikey",
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
    "passwords",
    "private_key",
    "pwd",
    "refreshtoken",
    "secret",
    "secrets",
    "session_id",
    "session_key",
    "sessionid",
    "signing_key",
    "token",
    # Add your own above this line.
)

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRETS = re.compile(f"_(?:{'|'.join(SECRET_WORDS)})_")
_GLUED = tuple({word.replace("_", "") for word in SECRET_WORDS})

# `user:password@` of a URL, and of a DSN.
_URL_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s\"']*@")
# What stands before a value: `key=`, `key: `, `"key": `, `Key: Bearer `.
_NAME = re.compile(
    r"""
    (?<![\w.-]) (?P<key>[\w.-]++) \\*["']? \s{0,8}[=:]\s{0,8}
    (?:(?:Basic|Bearer|Digest|Token)\s++)?
    """,
    re.VERBOSE,
)
# The value, as Python or JSON shows it; rather more than too little. Whatever
# is repeated is possessive, so that time grows with the text only.
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


def is_secret(key: str) -> bool:
    """Whether one of the words of `key` is a secret's."""
    words = "_".join(_WORDS.findall(key)).lower()
    return _SECRETS.search(f"_{words}_") is not None


def redact_text(text: str) -> str:
    """Hide what `text` names a secret, and the credentials in its URLs."""
    if "=" not in text and ":" not in text:
        return text
    text = redact_url_credentials(text)
    glued = text.lower().replace("_", "").replace("-", "")
    if any(word in glued for word in _GLUED):
        return _redact_values(text)
    return text


def redact_url_credentials(text: str) -> str:
    """Hide only what stands between `://` and `@`."""
    if "://" not in text:
        return text
    return _URL_CREDENTIALS.sub(f"{REDACTED}@", text)


def _redact_values(text: str) -> str:
    parts, end = [], 0
    for name in _NAME.finditer(text):
        if name.start() < end or not is_secret(name["key"]):
            continue
        if value := _VALUE.match(text, name.end()):
            parts += [text[end : name.end()], REDACTED]
            end = value.end()
    return "".join(parts) + text[end:]
