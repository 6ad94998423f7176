"""`idse vtm` on a made-up tree; the list is made up too."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from idse import __version__
from idse.cli.main import main
from idse.vtm import insertions

HEADER = "source/Lib/CommonLib/version.h"
COST = "source/Lib/CommonLib/Cost.cpp"
LIST = f"""
supported = ["8.2", "23"]
[[copy]]
source = "overlay.h"
target = "source/Lib/CommonLib/idse_overlay.h"
[[insertion]]
name = "cost"
file = "{COST}"
anchor = "cost("
count = 1
place = "before"
text = "my_"
"""


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    data = tmp_path / "vtm_patch"
    data.mkdir()
    (data / "insertions.toml").write_text(LIST)
    (data / "overlay.h").write_text("#pragma once\n")
    monkeypatch.setattr(insertions, "_own_data", lambda: (data, data))
    root = tmp_path / "VTM"
    (root / COST).parent.mkdir(parents=True)
    (root / HEADER).write_text('#define VTM_VERSION "23.13"\n')
    (root / COST).write_text("int cost();\n")
    return root


def call(capfd, *arguments: object, code: int = 0) -> tuple[str, str]:
    assert main(["vtm", *map(str, arguments)]) == code
    return tuple(capfd.readouterr())


def status(capfd, root: Path) -> dict:
    out, err = call(capfd, "status", root, "--json")
    assert err == ""
    return json.loads(out)


def build(root: Path) -> Path:
    path = root / "bin/EncoderAppStatic"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    path.chmod(0o755)
    return path


def test_patch_build_unpatch(root, capfd):
    assert status(capfd, root) == {
        "root": str(root), "vtm": "23.13", "state": "not_patched", "usable": False, "details": [],
        "patched_by": None, "executable": None, "executable_current": False,
        "next": f"patch it: idse vtm patch {root}",
    }  # fmt: skip

    out, err = call(capfd, "patch", root)
    assert out.startswith(f"patched: VTM 23.13 in {root}, 2 files written\nbuild it")
    assert err == ""
    assert (root / COST).read_text() == "int /*idse{*/my_/*}idse*/cost();\n"
    found = status(capfd, root)
    assert (found["state"], found["usable"], found["patched_by"]) == ("current", True, __version__)
    assert call(capfd, "patch", root) == (f"already patched: VTM 23.13 in {root}\n", "")

    executable = build(root)
    found = status(capfd, root)
    assert (found["executable"], found["executable_current"]) == (str(executable), True)
    out, _ = call(capfd, "status", root)
    assert out.splitlines() == [
        f"VTM 23.13 in {root}", f"state  patched (by idse {__version__})", f"built  {executable}",
        "next   nothing, it is ready",
    ]  # fmt: skip

    out, err = call(capfd, "unpatch", root)
    assert (out, err) == (f"patch removed: VTM 23.13 in {root}, 1 files written, 1 files removed\n", "")
    assert (root / COST).read_text() == "int cost();\n"
    assert call(capfd, "unpatch", root) == (f"nothing to remove: VTM 23.13 in {root}\n", "")


def test_status_of_every_recognised_tree_succeeds(root, capfd):
    (root / COST).write_text("nothing\n")
    out, _ = call(capfd, "status", root)
    assert "expected 1 times, found 0 times, in VTM 23.13" in out
    assert "next   set right what is named above" in out


def test_an_old_executable_is_told(root, capfd):
    executable = build(root)
    call(capfd, "patch", root)
    os.utime(executable, (0, 0))
    out, _ = call(capfd, "status", root)
    assert f"built  {executable}, older than the patch" in out


def test_notes_go_to_standard_error(root, capfd):
    call(capfd, "patch", root)
    (root / COST).write_text((root / COST).read_text() + "int mine;\n")
    out, _ = call(capfd, "status", root)
    assert (
        f"state  patched, edited since (by idse {__version__})\n       {COST}: changed since the patch" in out
    )
    _, err = call(capfd, "unpatch", root)
    assert err == f"{COST}: has other edits too, which stay\n"


@pytest.mark.parametrize(
    ("break_it", "command", "told"),
    [
        (lambda r: (r / COST).write_text("cost( cost(\n"), "patch", f"{COST}: anchor 'cost(' (cost) expected 1 times"),
        (lambda r: (r / COST).write_text("//}idse\ncost("), "unpatch", "line 1 holds idse's marker"),
        (lambda r: (r / HEADER).write_text('#define VTM_VERSION "11.0"\n'), "status", "this is VTM 11.0; supported"),
        (lambda r: (r / HEADER).unlink(), "status", "no checkout of VTM: it has no source/Lib/CommonLib/version.h"),
        (lambda r: (r / HEADER).unlink(), "patch", "supported are 8.2, 23.x"),
        (lambda r: (r / COST).unlink(), "patch", f"{COST}: no such file in VTM 23.13"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(root, capfd, break_it, command, told):
    break_it(root)
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    out, err = call(capfd, command, root, code=2)
    assert out == ""
    assert err.startswith("idse: error: ")
    assert err.count("\n") == 1
    assert told in err
    assert str(root) in err
    assert {p: p.read_bytes() for p in root.rglob("*") if p.is_file()} == before


def test_help(capfd):
    out, err = call(capfd)
    assert err == ""
    assert "unpatch" in out
