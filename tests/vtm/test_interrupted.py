"""Patches that were cut off at any write, and trees whose record is lost or damaged."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from made_up_vtm import (
    CMAKE,
    COST,
    MIXED,
    OPTIONS,
    TREE,
    contents,
    folders,
    make_tree,
    newer,
    newer_tree,
    patched_tree,
    without_state,
)

from idse.errors import IdseError
from idse.vtm import tree_files
from idse.vtm.patcher import PatchState, patch, status, unpatch
from idse.vtm.state import STATE, sha256


class Crash(Exception):
    """Stands for a lost power supply."""


def crash_at(monkeypatch, k: int) -> list[int]:
    """Let the k-th change of a file (from 0) fail before it happens."""
    count = [0]

    def failing(act):
        def wrapper(*arguments):
            count[0] += 1
            if count[0] == k + 1:
                raise Crash
            return act(*arguments)

        return wrapper

    for name in ("write", "remove"):
        monkeypatch.setattr(tree_files, name, failing(getattr(tree_files, name)))
    return count


def run_to_crash(act, k: int) -> bool:
    """Whether the crash came before the end."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        crash_at(monkeypatch, k)
        try:
            act()
        except Crash:
            return True
    return False


@pytest.mark.parametrize("then", ["patch", "unpatch"])
@pytest.mark.parametrize("what", ["patch", "unpatch", "update"])
def test_interrupted_at_every_write(tmp_path, data, the_list, what, then):
    new = newer(data)
    for k in range(100):
        root = make_tree(tmp_path / f"VTM{k}")
        if what != "patch":
            patch(root, the_list)
        last = new if what == "update" else the_list
        crashed = run_to_crash(lambda: (unpatch if what == "unpatch" else patch)(root, last), k)  # noqa: B023
        if crashed and k > 0 and without_state(root) not in (TREE, patched_tree(), newer_tree()):
            assert status(root, last).state is PatchState.PARTLY
        if then == "patch":
            patch(root, last)
            assert without_state(root) == (newer_tree() if what == "update" else patched_tree())
            assert status(root, last).state is PatchState.CURRENT
        unpatch(root, last)
        assert contents(root) == TREE
        assert folders(root) == {"cfg", *(str(p) for n in TREE for p in Path(n).parents if str(p) != ".")}
        if not crashed:
            break
    assert k == {"patch": 8, "unpatch": 7, "update": 7}[what]


def test_ctrl_c_waits_for_the_last_file(root, the_list, monkeypatch):
    real = tree_files.write

    def interrupted(path, content):
        if path.name == "Cost.cpp":
            signal.raise_signal(signal.SIGINT)
        real(path, content)

    monkeypatch.setattr(tree_files, "write", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            patch(root, the_list)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, handler)
    assert status(root, the_list).state is PatchState.CURRENT


def test_a_write_that_fails_leaves_the_file_and_says_what_to_do(root, the_list, monkeypatch):
    real = os.replace

    def full(source, target):
        if Path(target).name == "Cost.cpp":
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(
        IdseError, match=r"cannot write .*Cost\.cpp: No space left.*partly changed.*idse vtm unpatch"
    ):
        patch(root, the_list)
    assert (root / COST).read_bytes() == TREE[COST]
    assert not list(root.rglob("*.part"))
    monkeypatch.undo()
    unpatch(root, the_list)
    assert contents(root) == TREE


def test_leftovers_of_a_killed_patch_go(root, the_list):
    leftover = root / "source/Lib/EncoderLib/.idse-Plain.cpp.part"
    leftover.write_bytes(b"half")
    patch(root, the_list)
    assert not leftover.exists()


def test_without_a_record(root, the_list):
    """What `git clean` or a user may leave: marked files, copies, no record."""
    patch(root, the_list)
    (root / STATE).unlink()
    (root / MIXED).write_bytes(TREE[MIXED])
    found = status(root, the_list)
    assert found.state is PatchState.PARTLY
    assert found.details == (
        f"there is no {STATE}", *(f"{name}: holds idse's lines" for name in (OPTIONS, CMAKE, COST)),
    )  # fmt: skip
    unpatch(root, the_list)
    assert contents(root) == TREE
    assert "source/Lib/idse" not in folders(root)


def test_patch_without_a_record(root, the_list):
    patch(root, the_list)
    (root / STATE).unlink()
    patch(root, the_list)
    assert without_state(root) == patched_tree()
    assert status(root, the_list).state is PatchState.CURRENT


def test_marked_files_of_an_unknown_list_are_found(root, data, the_list):
    patch(root, newer(data))
    (root / STATE).unlink()
    unpatch(root, the_list)
    assert (root / "source/Lib/EncoderLib/Plain.cpp").read_bytes() == b"nothing here\n"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 3}', "\0"])
def test_a_damaged_record(root, the_list, text):
    patch(root, the_list)
    (root / STATE).write_text(text)
    for act in (status, patch, unpatch):
        with pytest.raises(IdseError, match=r"\.idse-patch\.json: damaged; delete"):
            act(root, the_list)
    (root / STATE).unlink()
    unpatch(root, the_list)
    assert contents(root) == TREE


def test_a_record_cannot_point_elsewhere(root, the_list, tmp_path):
    patch(root, the_list)
    record = json.loads((root / STATE).read_text())
    victim = tmp_path / "victim"
    victim.write_bytes(b"x")
    record["copies"]["source/../../victim"] = [sha256(b"x")]
    (root / STATE).write_text(json.dumps(record))
    with pytest.raises(IdseError, match="damaged"):
        unpatch(root, the_list)
    assert victim.exists()
