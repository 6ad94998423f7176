"""Imports between the rooms of the package run one way, those inside functions and for type checkers too."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "idse"

LEVELS = (
    ("__main__",),
    ("cli", "devtools"),
    ("report",),
    ("study",),
    ("sweeps",),
    ("learned",),
    ("vtm", "sizing"),
    ("engines", "datasets", "detectors"),
    ("importance", "metrics"),
    ("features",),
    ("media",),
    ("hashing", "json_text", "progress", "schema", "toml_file"),
    ("errors",),
    ("_native", "_vtm"),
)
"""A room may import what stands on a later line; those of one line know nothing of each other."""

LEVEL = {room: number for number, rooms in enumerate(LEVELS) for room in rooms}


def imported(source: str, module: str) -> Iterator[tuple[int, str]]:
    """Lines of a module, and the names below `idse` that each imports, as "room.file.name"."""
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative: of this package, or so many above
                above = module.split(".")[: -node.level]
                base = ".".join([*above, base] if base else above)
            names = [f"{base}.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith("idse."):
                yield node.lineno, name.removeprefix("idse.")


def wrong_way(source: str, module: str) -> list[str]:
    """What a module imports against the direction, in words."""
    room = module.split(".")[1]
    found = []
    for line, name in imported(source, module):
        other = name.split(".")[0]
        if other in LEVEL and other != room and LEVEL[other] <= LEVEL[room]:
            found.append(f"{module}:{line} imports idse.{name}")
    return found


def test_every_room_has_a_level() -> None:
    rooms = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
    assert rooms - {"__init__"} == LEVEL.keys() - {"_native", "_vtm"}


def test_imports_run_one_way() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if parts != ("idse", "__init__"):
            found += wrong_way(path.read_text(), ".".join(parts))
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "from idse.sweeps.plan import Plan",
        "from idse import sweeps",
        "import idse.learned.engine",
        "def late():\n    from idse.cli.main import app",
        "from ..vtm import engine",
        "from idse.detectors import Detector",
    ],
)
def test_a_wrong_import_is_found(line: str) -> None:
    assert len(wrong_way(line, "idse.engines.native")) == 1


@pytest.mark.parametrize("module", ["idse", "idse.cli", "idse.engines"])
def test_torch_is_loaded_by_maps_and_learned_codecs_only(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
