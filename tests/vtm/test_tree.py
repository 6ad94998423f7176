"""Trees of VTM: recognised by their version, with their executable and configurations."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from made_up_vtm import COST, HEADER, TREE, contents

from idse.errors import IdseError
from idse.vtm.patcher import patch, status, unpatch
from idse.vtm.state import STATE
from idse.vtm.tree import VtmTree, find_executable


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (b'#define VTM_VERSION "11.0"\n', "this is VTM 11.0; supported are 8.2, 23.x"),
        (b'#define VTM_VERSION "230.1"\n', "this is VTM 230.1"),
        (b'#define VTM_VERSION "8.20"\n', "this is VTM 8.20"),
        (b'#define VTM_VERSION_OF "23.7"\n', "does not define VTM_VERSION"),
    ],
)
def test_unknown_versions(root, the_list, header, told):
    (root / HEADER).write_bytes(header)
    for act in (status, patch):
        with pytest.raises(IdseError) as caught:
            act(root, the_list)
        assert told in str(caught.value)
        assert str(root) in str(caught.value)
    assert not (root / STATE).exists()


def test_unpatch_of_a_version_no_longer_supported(root, the_list, data):
    patch(root, the_list)
    data.write('supported = ["8.2"]')
    unpatch(root, data.load())
    assert contents(root) == TREE


def test_versions_choose_insertions(root, data, the_list):
    (root / HEADER).write_bytes(b'#define VTM_VERSION "8.2"\n')
    with pytest.raises(IdseError, match=r"'not in this version' \(of 8.2 only\).*in VTM 8.2"):
        patch(root, the_list)
    (root / COST).write_bytes(TREE[COST].replace(b"get(a", b"not in this version"))
    patch(root, the_list)
    assert b"/*idse{*/x/*}idse*/not in this" in (root / COST).read_bytes()


def test_not_a_tree(tmp_path, the_list):
    (tmp_path / "file").write_bytes(b"")
    for name, told in (("absent", "does not exist"), ("file", "is no folder"), ("", "no checkout of VTM")):
        with pytest.raises(IdseError, match=told) as caught:
            patch(tmp_path / name, the_list)
        assert str(tmp_path / name) in str(caught.value)
        assert "8.2, 23.x" in str(caught.value)


def test_tree(root):
    tree = VtmTree.open(root)
    assert (tree.root, tree.version, tree.executable) == (root.resolve(), "23.7", None)
    assert tree.config("encoder_intra.cfg") == root.resolve() / "cfg/encoder_intra.cfg"
    with pytest.raises(
        IdseError, match=r"other\.cfg: no such file in this VTM 23\.7; there are: encoder_intra"
    ):
        tree.config("other.cfg")


def make_executable(path: Path, age: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    path.chmod(0o755)
    os.utime(path, ns=(10**18 - age, 10**18 - age))


def test_executables(root):
    umake = root / "bin/umake"
    (umake / "gcc/x/release").mkdir(parents=True)
    (umake / "gcc/x/release/EncoderApp.map").write_bytes(b"")  # newer, but nothing that runs
    assert find_executable(root) is None
    make_executable(umake / "gcc/x/release/EncoderApp", age=10)
    make_executable(umake / "gcc/x/debug/EncoderApp", age=5)
    assert find_executable(root) == umake / "gcc/x/debug/EncoderApp"
    make_executable(root / "bin/EncoderAppStatic", age=20)
    assert find_executable(root) == root / "bin/EncoderAppStatic"


def test_status_knows_a_stale_executable(root, the_list):
    make_executable(root / "bin/EncoderAppStatic")
    patch(root, the_list)
    found = status(root, the_list)
    assert not found.executable_current
    assert "build it" in found.next_step
    (root / "bin/EncoderAppStatic").touch()
    found = status(root, the_list)
    assert found.executable_current
    assert "ready" in found.next_step
