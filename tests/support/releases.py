"""The next release of the template: it changes whatever a release may change."""

from __future__ import annotations

from pathlib import Path

from .templates import Template

ANCHOR = "# Add your own below this line."
IMPROVEMENT = "# Improved in this release."

NOTES = """\
## [1.1.0] - 2027-01-31

### Added

- The weather, in every line.

"""
QUESTION = """\
log_weather:
  type: bool
  default: false
  help: Log the weather?

"""


def next_release(template: Template, version: str = "v1.1.0") -> None:
    """Tag a release that improves every file and adds to every list.

    It also has a new question with a file of its own, a new file that everybody
    gets, and notes in the CHANGELOG.
    """
    package = template.folder / "template" / "telemetry"
    for file in files(package):
        improve(file)
        add_to_lists(file, end="# At the end, by this release.")
    (package / "internals" / "climate.py").write_text('"""For everybody."""\n')
    (package / "internals" / "weather.py").write_text('"""If asked for."""\n')

    edit(template, "copier.yml", "otel_exporter:\n", f"{QUESTION}otel_exporter:\n")
    rows = "{% set rows = [\n"
    row = "  ['log_weather', '', ['internals/weather*']],\n"
    edit(template, "hooks/optional_files.jinja", rows, rows + row)
    answers = "{% set answers = {\n"
    answer = "  'log_weather': log_weather,\n"
    edit(template, "hooks/exclude.jinja", answers, answers + answer)
    first = "## [Unreleased]"
    if first in (template.folder / "CHANGELOG.md").read_text():
        edit(template, "CHANGELOG.md", first, f"{NOTES}## [1.0.0]")
    else:
        edit(template, "CHANGELOG.md", "## [", f"{NOTES}## [")
    template.release(version)


def files(package: Path) -> list[Path]:
    return sorted(
        file
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    )


def improve(file: Path) -> None:
    """Add a line near the top, above what only some answers have."""
    first, *rest = file.read_text().splitlines(keepends=True) or [""]
    added = f"{IMPROVEMENT}\n"
    head = [added, first] if first.startswith("# %") else [first, added]
    file.write_text("".join([*head, *rest]))


def add_to_lists(file: Path, *, top: str = "", end: str = "", below: str = "") -> int:
    """Add a comment to each list that has an anchor; return how many there are.

    At the top where the list has entries of its own, at their end, or below the
    anchor, as projects do. Each comment gets the number of its list.
    """
    out: list[str] = []
    opening = number = 0
    for line in file.read_text().splitlines(keepends=True):
        indent = line[: -len(line.lstrip())] if line.strip() else ""
        if line.strip() != ANCHOR:
            out.append(line)
            opening = len(out) if line.rstrip().endswith(("(", "[", "{")) else opening
            continue
        entries = [f"{indent}{comment} {number}\n" for comment in (top, end, below)]
        if end:
            out.append(entries[1])
        if top and opening < len(out):
            out.insert(opening, entries[0])
        out.append(line)
        if below:
            out.append(entries[2])
        number += 1
    file.write_text("".join(out))
    return number


def edit(template: Template, name: str, old: str, new: str) -> None:
    file = template.folder / name
    text = file.read_text()
    assert old in text, f"{name} has no {old!r}"
    file.write_text(text.replace(old, new, 1))
