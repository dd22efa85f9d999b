"""A picture of a terminal with lines that were really written, by rich.

It shows three lines of the demo, at most 100 columns wide, with some of their
fields: what happened in one row, and below it the context that they share. The
time is that of the README's story.
"""

from __future__ import annotations

import html
import re

from rich.console import Console
from rich.terminal_theme import MONOKAI, TerminalTheme
from rich.text import Text

WIDTH = 100

_LIGHT = TerminalTheme(
    (255, 255, 255),
    (36, 41, 47),
    [
        (36, 41, 47),
        (207, 34, 46),
        (17, 99, 41),
        (125, 78, 0),
        (9, 105, 218),
        (130, 80, 223),
        (27, 124, 131),
        (110, 119, 129),
    ],
)
THEMES = {"dark": MONOKAI, "light": _LIGHT}

# The lines that are shown, and the fields of each.
SHOWN = {
    "request_completed": ("http.status_code", "error.message"),
    "mail_sent": ("task.name",),
    "browser_told": ("state",),
}
CONTEXT = ("request.id", "user.id", "order.id")

_TIME = "10:23:45"
# Of a pretty line: time, level, event, and the logger that is left out.
_HEAD = re.compile(r"\S+ (\S+) (\[\w+ *\]) (\w+) ")
_FIELD = r"(?<= ){}=('[^']*'|\S+)"


def draw(output: str, theme: str) -> str:
    """Return an SVG of the lines in `output`, which has ANSI colours.

    `theme` is "dark" or "light".
    """
    console = Console(record=True, width=WIDTH, file=open("/dev/null", "w"))  # noqa: SIM115
    for event, names in SHOWN.items():
        [line] = [
            line
            for line in map(Text.from_ansi, output.splitlines())
            if (head := _HEAD.match(line.plain)) and head[3] == event
        ]
        for row in _rows(line, names):
            assert len(row) <= WIDTH, row
            console.print(row)
    svg = console.export_svg(title="make demo", theme=THEMES[theme])
    # A picture in a page loads no fonts.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def _rows(line: Text, names: tuple[str, ...]) -> tuple[Text, Text]:
    head = _HEAD.match(line.plain)
    assert head
    time, level, event = (line[slice(*head.span(group))] for group in (1, 2, 3))
    time.plain = _TIME
    event.pad_right(max(map(len, SHOWN)) - len(event))
    first = Text(" ").join([time, level, event, *_fields(line, names)])
    indent = Text(" " * (len(time) + len(level) + 1))
    return first, Text(" ").join([indent, *_fields(line, CONTEXT)])


def _fields(line: Text, names: tuple[str, ...]) -> list[Text]:
    found = [re.search(_FIELD.format(re.escape(name)), line.plain) for name in names]
    return [line[slice(*field.span())] for field in found if field]


def text_of(svg: str) -> str:
    """Return the text of a picture, without blanks."""
    texts = re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL)
    return re.sub(r"\s", "", "".join(map(html.unescape, texts)))
