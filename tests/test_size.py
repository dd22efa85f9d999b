"""The rendered package stays small."""

from __future__ import annotations

import ast
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


def floors(package: Path) -> int:
    """Return the length of the longest chain of imports; a circle is an error."""
    files = modules(package)
    graph = {name: imports(name, files[name], set(files)) for name in files}

    def height(name: str, above: tuple[str, ...] = ()) -> int:
        assert name not in above, f"circle: {above}"
        below = [height(each, (*above, name)) for each in graph.get(name, ())]
        return 1 + max(below, default=0)

    return max(map(height, graph))


@pytest.mark.parametrize(
    ("answers", "chain", "lines", "test_lines"),
    [(NONE, 9, 2_800, 700), (ALL, 11, 5_400, 1_200)],
    ids=["none", "all"],
)
def test_the_package_is_small(
    tmp_path: Path,
    answers: dict[str, object],
    chain: int,
    lines: int,
    test_lines: int,
) -> None:
    package = render(tmp_path, **answers)
    files = list(modules(package).values())
    assert floors(package) <= chain
    assert sum(len(file.read_text().splitlines()) for file in files) <= lines
    tests = package.glob("tests/*.py")
    assert sum(len(file.read_text().splitlines()) for file in tests) <= test_lines
