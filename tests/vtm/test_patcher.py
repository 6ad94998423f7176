"""The patcher on a made-up tree with a made-up list."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from made_up_vtm import (
    CMAKE,
    COST,
    LIST,
    MIXED,
    OPTIONS,
    OVERLAY,
    PATCHED,
    SHARED,
    TREE,
    contents,
    folders,
    newer,
    newer_tree,
    patched_tree,
    times,
    without_state,
)

from idse.errors import IdseError
from idse.vtm import patcher
from idse.vtm.patcher import PatchState, patch, status, unpatch
from idse.vtm.state import STATE, sha256


def test_patch_and_unpatch_to_the_byte(root, the_list):
    before = folders(root)
    (root / COST).chmod(0o754)
    assert status(root, the_list).state is PatchState.NOT_PATCHED
    report = patch(root, the_list)
    assert set(report.written) == set(PATCHED)
    assert without_state(root) == patched_tree()
    assert stat.S_IMODE((root / COST).stat().st_mode) == 0o754
    assert status(root, the_list).state is PatchState.CURRENT

    report = unpatch(root, the_list)
    assert contents(root) == TREE
    assert folders(root) == before
    assert stat.S_IMODE((root / COST).stat().st_mode) == 0o754
    assert set(report.written) == {COST, OPTIONS, CMAKE, MIXED}
    assert set(report.removed) == {OVERLAY, SHARED}
    assert report.notes == ()
    assert status(root, the_list).state is PatchState.NOT_PATCHED
    report = unpatch(root, the_list)
    assert (report.written, report.removed) == ((), ())


def test_the_record(root, the_list):
    patch(root, the_list)
    record = json.loads((root / STATE).read_text())
    assert record["vtm"] == "23.7"
    assert record["complete"] is True
    assert record["patch"] == the_list.digest
    assert record["files"] == {
        name: {"before": sha256(TREE[name]), "after": sha256(PATCHED[name])}
        for name in (COST, OPTIONS, CMAKE, MIXED)
    }
    assert record["copies"] == {name: [sha256(PATCHED[name])] for name in (OVERLAY, SHARED)}


def test_a_second_patch_writes_nothing(root, the_list):
    patch(root, the_list)
    before = times(root)
    report = patch(root, the_list)
    assert (report.written, report.removed) == ((), ())
    assert times(root) == before


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("before", b"a\n/*idse{*/T/*}idse*/X b X\nc"),
        ("after", b"a\nX/*idse{*/T/*}idse*/ b X\nc"),
        ("line-before", b"a\n//idse{ n\nT\n//}idse\nX b X\nc"),
        ("line-after", b"a\nX b X\n//idse{ n\nT\n//}idse\nc"),
    ],
)
def test_places(root, data, place, expected):
    data.write(
        f'supported = ["23"]\n[[insertion]]\nname = "n"\nfile = "{COST}"\nanchor = "X"\ncount = 2\n'
        f'occurrences = [0]\nplace = "{place}"\ntext = "T"'
    )
    (root / COST).write_bytes(b"a\nX b X\nc")
    patch(root, data.load())
    assert (root / COST).read_bytes() == expected
    unpatch(root, data.load())
    assert (root / COST).read_bytes() == b"a\nX b X\nc"


def test_several_at_one_place_keep_the_order(root, data):
    entry = (
        '[[insertion]]\nname = "{0}"\nfile = "{1}"\nanchor = "X"\ncount = 1\nplace = "{2}"\ntext = "{0}"\n'
    )
    data.write(
        'supported = ["23"]\n'
        + "".join(
            entry.format(n, COST, p) for n, p in (("a", "before"), ("b", "before"), ("c", "line-before"))
        )
        + entry.format("d", COST, "line-before")
    )
    (root / COST).write_bytes(b"X\n")
    patch(root, data.load())
    assert (root / COST).read_bytes() == (
        b"//idse{ c\nc\n//}idse\n//idse{ d\nd\n//}idse\n/*idse{*/a/*}idse*//*idse{*/b/*}idse*/X\n"
    )
    unpatch(root, data.load())
    assert (root / COST).read_bytes() == b"X\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"int cost(\nget(a\nPart part;\n", "anchor 'Part part;' (cost) expected 2 times, found 1 times"),
        (TREE[COST] + b"get(a", "anchor 'get(a' (argument) expected 1 times, found 2 times"),
        (b"Part part; get(a\nPart part;\n", "anchor 'int cost(' (include) expected 1 times, found 0 times"),
        (b"int cost(get(a Part part;Part part;", "no line can follow the file's last line"),
        (TREE[COST].replace(b"int cost(", b"#define A \\\nint cost("), "no line can go between two that a backslash"),
        (b"/*idse{*/" + TREE[COST], "line 1 holds idse's marker '/*idse{*/' without its counterpart"),
        (b"\n//}idse\n" + TREE[COST], "line 2 holds idse's marker '//}idse' without its counterpart"),
        (b"/*idse{*/\n//}idse\n" + TREE[COST], "without its counterpart"),
        (TREE[COST] + b"\n//idse{ a\n//idse{ b\n//}idse\n", "line 11 holds"),
    ],
)  # fmt: skip
def test_a_tree_that_does_not_fit(root, the_list, content, told):
    (root / COST).write_bytes(content)
    before, stamps = contents(root), times(root)
    with pytest.raises(IdseError) as caught:
        patch(root, the_list)
    message = str(caught.value)
    assert told in message
    assert COST in message
    assert "nothing was changed" in message
    if "expected" in told:
        assert "in VTM 23.7" in message
    assert contents(root) == before
    assert times(root) == stamps
    found = status(root, the_list)
    assert any(told in line for line in found.details)
    assert "set right" in found.next_step


def test_all_misfits_are_told_at_once(root, the_list):
    (root / COST).write_bytes(b"Part part;\n")
    (root / OPTIONS).unlink()
    with pytest.raises(IdseError) as caught:
        patch(root, the_list)
    for told in ("(include)", "(cost)", "(argument)", f"{OPTIONS}: no such file in VTM 23.7"):
        assert told in str(caught.value)


def test_unpatch_refuses_damaged_markers(root, the_list):
    patch(root, the_list)
    text = (root / OPTIONS).read_bytes().replace(b"//}idse\r\n", b"")
    (root / OPTIONS).write_bytes(text)
    before = contents(root)
    with pytest.raises(IdseError, match=r"line 3 holds.*git checkout -- source/App/EncoderApp/Options.cpp"):
        unpatch(root, the_list)
    assert contents(root) == before
    assert status(root, the_list).state is PatchState.PARTLY


def test_edits_of_the_users_stay(root, the_list):
    patch(root, the_list)
    edit = b"int mine;\n"
    (root / COST).write_bytes((root / COST).read_bytes() + edit)
    found = status(root, the_list)
    assert found.state is PatchState.EDITED
    assert found.usable
    assert found.details == (f"{COST}: changed since the patch",)
    assert patch(root, the_list).written == ()
    report = unpatch(root, the_list)
    assert contents(root) == {**TREE, COST: TREE[COST] + edit}
    assert len(report.notes) == 1
    assert COST in report.notes[0]


def test_a_file_put_back_is_patched_again(root, the_list):
    patch(root, the_list)
    (root / MIXED).write_bytes(TREE[MIXED])
    (root / SHARED).unlink()
    found = status(root, the_list)
    assert found.state is PatchState.PARTLY
    assert not found.usable
    assert set(found.details) == {f"{MIXED}: changed since the patch", f"{SHARED}: missing"}
    assert set(patch(root, the_list).written) == {MIXED, SHARED}
    assert without_state(root) == patched_tree()
    assert status(root, the_list).state is PatchState.CURRENT


def test_indented_markers_are_ours_too(root, the_list):
    patch(root, the_list)
    (root / COST).write_bytes((root / COST).read_bytes().replace(b"//idse{ c", b"\t//idse{ c"))
    unpatch(root, the_list)
    assert contents(root) == TREE


def test_edited_copies_are_not_thrown_away(root, the_list):
    patch(root, the_list)
    (root / OVERLAY).write_bytes(b"mine\n")
    before = contents(root)
    for act in (patch, unpatch):
        with pytest.raises(IdseError, match=rf"{OVERLAY}: was edited since.*delete the file"):
            act(root, the_list)
        assert contents(root) == before
    assert status(root, the_list).state is PatchState.PARTLY
    (root / OVERLAY).unlink()
    unpatch(root, the_list)
    assert contents(root) == TREE


def test_a_file_in_the_way_of_a_copy(root, the_list):
    (root / OVERLAY).write_bytes(b"somebody's\n")
    before = contents(root)
    with pytest.raises(IdseError, match=rf"{OVERLAY}: exists already"):
        patch(root, the_list)
    assert contents(root) == before
    assert any(OVERLAY in line for line in status(root, the_list).details)
    assert "left alone" in unpatch(root, the_list).notes[0]
    assert contents(root) == before


def test_a_folder_with_a_file_of_the_users_stays(root, the_list):
    patch(root, the_list)
    (root / "source/Lib/idse/mine.txt").write_bytes(b"")
    unpatch(root, the_list)
    assert contents(root) == {**TREE, "source/Lib/idse/mine.txt": b""}
    assert not (root / "source/Lib/idse/weights").exists()


def test_a_patch_out_of_date(root, data, the_list, monkeypatch):
    monkeypatch.setattr(patcher, "__version__", "0.0.9")
    patch(root, the_list)
    before = times(root)
    new = newer(data)
    found = status(root, new)
    assert found.state is PatchState.OUTDATED
    assert found.patched_by == "0.0.9"
    assert "idse vtm patch" in found.next_step
    report = patch(root, new)
    assert set(report.written) == {
        MIXED,
        OVERLAY,
        "source/Lib/EncoderLib/Plain.cpp",
        "source/Lib/other/shared.h",
    }
    assert report.removed == (SHARED,)
    after = times(root)
    assert without_state(root) == newer_tree()
    for name in (COST, OPTIONS, CMAKE):
        assert before[(root / name).as_posix()] == after[(root / name).as_posix()]
    assert status(root, new).state is PatchState.CURRENT
    unpatch(root, new)
    assert contents(root) == TREE
    assert "source/Lib/idse" not in folders(root)
    assert "source/Lib/other" not in folders(root)


def test_only_the_digest_differs(root, data, the_list):
    patch(root, the_list)
    data.write(LIST + "# a comment\n")
    new = data.load()
    assert status(root, new).state is PatchState.OUTDATED
    before = times(root)
    assert patch(root, new).written == ()
    changed = {name for name, stamp in times(root).items() if before[name] != stamp}
    assert changed == {(root / STATE).as_posix()}
    assert status(root, new).state is PatchState.CURRENT


def test_unpatch_of_another_list(root, data, the_list):
    patch(root, the_list)
    unpatch(root, newer(data))
    assert contents(root) == TREE


def test_a_tree_that_may_not_be_written(root, the_list, monkeypatch):
    real = os.access
    locked = root / "source/App/EncoderApp"
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != locked and real(path, mode))
    before = contents(root)
    with pytest.raises(IdseError, match=r"EncoderApp: is not writable"):
        patch(root, the_list)
    assert contents(root) == before


def test_a_folder_in_place_of_a_file(root, the_list):
    (root / COST).unlink()
    (root / COST).mkdir()
    with pytest.raises(IdseError, match=r"Cost\.cpp: is a folder instead of a file"):
        patch(root, the_list)
    assert (root / OPTIONS).read_bytes() == TREE[OPTIONS]


def test_a_file_in_place_of_a_folder(root, the_list):
    (root / "source/Lib/idse").write_bytes(b"")
    before = contents(root)
    with pytest.raises(IdseError, match=r"source/Lib/idse: is a file instead of a folder"):
        patch(root, the_list)
    assert contents(root) == before


def test_symbolic_links(root, the_list, tmp_path):
    elsewhere = tmp_path / "elsewhere.cpp"
    (root / COST).rename(elsewhere)
    (root / COST).symlink_to(elsewhere)
    with pytest.raises(IdseError, match=r"Cost\.cpp: is reached through a symbolic link"):
        patch(root, the_list)
    assert elsewhere.read_bytes() == TREE[COST]
    (root / COST).unlink()
    elsewhere.rename(root / COST)
    (tmp_path / "link").symlink_to(root)  # a link to the whole tree will do
    patch(tmp_path / "link", the_list)
    assert without_state(root) == patched_tree()
