"""Checks that `patch` and `unpatch` restore a checkout of VTM byte for byte."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from idse.vtm.patcher import PatchState, patch, status, unpatch

# Files that builds and git leave beside the sources.
_NOT_SOURCES = shutil.ignore_patterns(".git", "bin", "lib", "build*", "__pycache__")


def check_unpatching(pristine: Path, patched: Path | None = None) -> Iterator[tuple[str, str]]:
    """Patch and unpatch copies of checkouts; the checkouts themselves are only read.

    Args:
        pristine: An untouched checkout.
        patched: A patched checkout of the same version to unpatch as well, or None.

    Yields:
        The name of each check, and its problem, which is empty if there is none.

    Raises:
        IdseError: A tree cannot be patched or unpatched.
    """
    with tempfile.TemporaryDirectory(prefix="idse-vtm-unpatch-") as folder:
        before = _contents(_copy(pristine, Path(folder) / "before"))
        copy = _copy(pristine, Path(folder) / "copy")
        patch(copy)
        state = status(copy).state
        yield "patch", "" if state is PatchState.CURRENT else f"then the state is '{state.value}'"
        first = _contents(copy), _times(copy)
        report = patch(copy)
        again = _contents(copy), _times(copy)
        problem = _difference(first[0], again[0])
        if not problem and (report.written or report.removed or first != again):
            problem = "files were written again"
        yield "patch again changes nothing", problem
        unpatch(copy)
        yield f"unpatch gives all {len(before)} files back", _difference(before, _contents(copy))
        if patched is not None:
            copy = _copy(patched, Path(folder) / "patched")
            unpatch(copy)
            yield "the patched checkout unpatched is the untouched one", _difference(before, _contents(copy))


def _copy(root: Path, target: Path) -> Path:
    return Path(shutil.copytree(root, target, symlinks=True, ignore=_NOT_SOURCES))


def _contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def _times(root: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in root.rglob("*") if p.is_file()}


def _difference(before: dict[str, bytes], after: dict[str, bytes]) -> str:
    """Return the first file that differs and the number of different files; empty if all are equal."""
    names = [n for n in sorted(before.keys() | after.keys()) if before.get(n) != after.get(n)]
    if not names:
        return ""
    name = names[0]
    what = "missing" if name not in after else "left behind" if name not in before else "not the same"
    return f"{name}: {what}; {len(names)} files in all"
