"""The rendered package stays small."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from .support import render

ALL = {
    "use_channels": True,
    "use_celery": True,
    "log_queries": True,
    "also_log": ["running", "commands"],
    "otel_exporter": "otlp-grpc",
    "otel_libraries": ["httpx", "psycopg"],
    "resource_labels": "tournament",
}
NONE = {"otel_exporter": "none"}


def modules(package: Path) -> dict[str, Path]:
    """Return the package's modules by their dotted names in it, tests aside."""
    found = {}
    for file in package.rglob("*.py"):
        name = ".".join(file.relative_to(package).with_suffix("").parts)
        if not name.startswith("tests"):
            found[name.removesuffix(".__init__")] = file
    return found


def imports(name: str, file: Path, known: set[str]) -> set[str]:
    """Return the package's modules that `file` imports, within functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = name.split(".")[: -node.level]
            base = ".".join([*above, *filter(None, [node.module])])
            nested = {f"{base}.{each.name}".strip(".") for each in node.names}
            found |= ({base} | nested) & known
    return found


def chain(package: Path) -> list[str]:
    """Return the longest chain of imports; a circle is an error."""
    files = modules(package)
    graph = {name: imports(name, files[name], set(files)) for name in files}

    @cache
    def below(name: str) -> list[str]:
        return [name, *max(map(below, graph[name]), key=len, default=[])]

    # A module that is reached from itself never ends, hence a RecursionError.
    return max(map(below, graph), key=len)


@pytest.mark.parametrize(
    ("answers", "doors", "lines", "largest", "imported", "test_lines"),
    [(NONE, 720, 2_650, 220, 6, 660), (ALL, 1_370, 5_420, 290, 9, 1_200)],
    ids=["none", "all"],
)
def test_the_package_is_small(
    tmp_path: Path,
    answers: dict[str, object],
    doors: int,
    lines: int,
    largest: int,
    imported: int,
    test_lines: int,
) -> None:
    package = render(tmp_path, **answers)
    sizes = {name: length(file) for name, file in modules(package).items()}
    assert len(chain(package)) <= imported, " imports ".join(chain(package))
    assert sum(sizes[name] for name in sizes if "." not in name) <= doors
    assert sum(sizes.values()) <= lines
    assert max(sizes.values()) <= largest, max(sizes, key=sizes.__getitem__)
    assert sum(map(length, package.glob("tests/*.py"))) <= test_lines


def length(file: Path) -> int:
    return len(file.read_text().splitlines())
