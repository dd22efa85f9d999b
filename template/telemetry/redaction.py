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
# `key=value`, `key: value` and their quoted forms, in linear time.
_ASSIGNMENT = re.compile(
    r"""
    (?<![\w.-]) (?P<key>[\w.-]++)
    (?P<sign> \\?["']? \s{0,8} [=:] \s{0,8})
    (?: (?:Basic|Bearer|Digest|Token) \s++ )?
    (?: \\?"[^"\n]*+"? | \\?'[^'\n]*+'? | [^\s"'&,;)\]}]++ )
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
        return _ASSIGNMENT.sub(_redact_assignment, text)
    return text


def redact_url_credentials(text: str) -> str:
    """Hide only what stands between `://` and `@`."""
    if "://" not in text:
        return text
    return _URL_CREDENTIALS.sub(f"{REDACTED}@", text)


def _redact_assignment(found: re.Match[str]) -> str:
    if is_secret(found["key"]):
        return f"{found['key']}{found['sign']}{REDACTED}"
    return found[0]
