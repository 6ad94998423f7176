"""No file keeps the marks of a conflict of a merge: documents have no compiler that would find them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = (".", "docs", "idse", "cpp", "tests", "scripts", "benchmarks", "plans", "configs", "vtm_patch", "cmake")
KINDS = {".md", ".py", ".toml", ".sh", ".h", ".cpp", ".txt", ".cmake", ".js", ".css", ".html"}


def test_no_marks_of_conflicts() -> None:
    files = [
        path
        for folder in FOLDERS
        for path in ((ROOT / folder).glob("*") if folder == "." else (ROOT / folder).rglob("*"))
        if path.suffix in KINDS and path.is_file()
    ]
    assert len(files) > 300
    marks = re.compile(r"^(<{7} |>{7} |\|{7} )", re.MULTILINE)
    assert [str(f.relative_to(ROOT)) for f in files if marks.search(f.read_text("utf-8", "replace"))] == []
