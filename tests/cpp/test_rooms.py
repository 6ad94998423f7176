"""The rooms of cpp/vvc: includes run one way, from what is used to who uses it."""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "cpp" / "vvc"

# Each room may include what stands before it. Files right in cpp/vvc are the base, which any room may use, or the top,
# which no room may.
ORDER = (
    "base",
    "bitstream",
    "tree",
    "simd",
    "weights",
    "predict",
    "entropy",
    "transform",
    "filter",
    "search",
    "top",
)
BASE = {"types.h", "rd_types.h", "settings.h", "picture.h", "block_math.h", "encode_error.h", "threads.h"}
TOP = {"encoder.h", "encoder.cpp", "frame_encoder.h", "frame_encoder.cpp"}


def room_of(path: Path) -> str:
    folder = path.parent.name
    if folder:
        return folder
    return "top" if path.name in TOP else "base"


def wrong_includes(root: Path) -> list[str]:
    """Lines "who includes what" that go against the order, and includes of files that are not there."""
    wrong = []
    for file in sorted(root.rglob("*")):
        if file.suffix not in {".h", ".cpp", ".inl"}:
            continue
        here = file.relative_to(root)
        for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', file.read_text(), re.MULTILINE):
            target = Path(os.path.normpath(here.parent / name))
            allowed = (root / target).is_file() and ORDER.index(room_of(target)) <= ORDER.index(room_of(here))
            if not allowed:
                wrong.append(f"{here} includes {target}")
    return wrong


def test_includes_run_one_way():
    assert wrong_includes(ROOT) == []


def test_every_file_has_a_room():
    files = {p.relative_to(ROOT) for p in ROOT.rglob("*") if p.is_file()}
    assert {room_of(p) for p in files} == set(ORDER)
    of_base = {p.name for p in files if room_of(p) == "base"}
    assert {name for name in of_base if name.endswith(".h")} == BASE


def test_an_include_against_the_order_is_found(tmp_path):
    for name, text in {
        "weights/shaping.h": '#include "../encoder.h"\n',
        "search/tree.h": '#include "../weights/shaping.h"\n#include "../types.h"\n#include "../gone.h"\n',
        "types.h": '#include "search/tree.h"\n',
        "encoder.h": '#include "search/tree.h"\n',
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert wrong_includes(tmp_path) == [
        "search/tree.h includes gone.h",
        "types.h includes search/tree.h",
        "weights/shaping.h includes encoder.h",
    ]
