"""A picture of a terminal with lines that were really written, by rich."""

from __future__ import annotations

import html
import re

from rich.console import Console
from rich.terminal_theme import MONOKAI, TerminalTheme
from rich.text import Text

WIDTH = 112

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

# As the formatter of the package paints them.
_STYLES = {
    r"^\$ .*$": "bold green",
    r"\[info +\]": "green",
    r"(?<=\] )[a-z_]+(?=  \[)": "bold",
    r"\[[a-z_.]+\](?= )": "blue",
    r"(?<= )[a-z_.]+(?==)": "cyan",
    r"(?<==)(\[[^\]]*\]|[^ ]+)": "magenta",
}
# What is another each time.
_CHANGING = (
    (r"\d{4}-\d\d-\d\d[\s\xa0]\d\d:\d\d:\d\d", "TIME"),
    (r"=\d+\.\d+", "=MS"),
    (r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID"),
)


def draw(text: str, theme: str) -> str:
    """Return an SVG that shows `text`, "dark" or "light"."""
    console = Console(record=True, width=WIDTH, file=open("/dev/null", "w"))  # noqa: SIM115
    for row in text.splitlines():
        line = Text(row)
        for pattern, style in _STYLES.items():
            line.highlight_regex(pattern, style)
        console.print(line)
    svg = console.export_svg(title="make demo", theme=THEMES[theme])
    # A picture in a page loads no fonts.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def says(svg: str) -> str:
    """Return what a picture says, without what is another each time."""
    texts = re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL)
    said = "".join(html.unescape(text).replace("\xa0", " ") for text in texts)
    said = re.sub(r"\s+", " ", said)
    for pattern, name in _CHANGING:
        said = re.sub(pattern, name, said)
    return re.sub(r"\s", "", said)
