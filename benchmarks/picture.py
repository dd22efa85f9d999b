"""The picture of the README: a bar for each peer."""

from __future__ import annotations

from .results import Result

_ROW, _LEFT, _WIDTH = 28, 250, 720
_BLUE, _GREY = "#0969da", "#afb8c1"
_OURS = ' class="ours"'


def bars(result: Result) -> str:
    """Return an SVG of the overhead of each variant that has any, cheapest first."""
    rows = sorted(
        (row for row in result.rows if row.note != "itself"), key=lambda row: row.value
    )
    scale = (_WIDTH - _LEFT - 80) / max(row.value for row in rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" '
        f'height="{_ROW * len(rows) + 34}" font-family="sans-serif" font-size="13">',
        "<style>text { fill: #57606a } .ours { fill: #0969da; font-weight: bold }"
        " @media (prefers-color-scheme: dark) { text { fill: #9198a1 }"
        " .ours { fill: #58a6ff } }</style>",
        f'<text x="0" y="16">{result.title}: microseconds {result.column}</text>',
    ]
    for number, row in enumerate(rows):
        top = 30 + _ROW * number
        ours = "**" in row.name
        width = max(1.0, row.value * scale)
        parts += [
            f'<text x="{_LEFT - 10}" y="{top + 15}" text-anchor="end"'
            f"{_OURS if ours else ''}>{row.name.strip('*')}</text>",
            f'<rect x="{_LEFT}" y="{top}" width="{width:.0f}" height="20" rx="2"'
            f' fill="{_BLUE if ours else _GREY}"/>',
            f'<text x="{_LEFT + width + 8:.0f}" y="{top + 15}">{row.value:.0f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
