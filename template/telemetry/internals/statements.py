"""SQL statements without the values that stand in their text."""

import re

# In characters; the rest is left out.
MAX_TEXT = 2_000

# In this order: names in quotes, which stay; comments; strings; numbers. Each is
# ended by the end of the text as well, because that is cut.
_VALUES = re.compile(
    r"""
    (?P<name>"[^"]*+"?)
    | --[^\n]*+ | /\*.*?(?:\*/|\Z)
    | (?<!\w)[eE]'(?:[^'\\]|\\.|'')*+'? | (?:'[^']*+'?)++
    | \$(?P<tag>\w{0,20})\$.*?(?:\$(?P=tag)\$|\Z)
    | (?<!\w)\d[\w.]*+
    """,
    re.VERBOSE | re.DOTALL,
)
# MySQL's strings have double quotes too, and escapes.
_VALUES_IN_MYSQL = re.compile(
    r"""
    (?P<name>`[^`]*+`?)
    | (?:--|\#)[^\n]*+ | /\*.*?(?:\*/|\Z)
    | '(?:[^'\\]|\\.)*+'? | "(?:[^"\\]|\\.)*+"?
    | (?<!\w)\d[\w.]*+
    """,
    re.VERBOSE | re.DOTALL,
)


def without_values(statement: str, *, is_mysql: bool = False) -> str:
    """Return the start of `statement` with `?` for literals and comments."""
    pattern = _VALUES_IN_MYSQL if is_mysql else _VALUES
    return pattern.sub(lambda found: found["name"] or "?", statement[:MAX_TEXT])
