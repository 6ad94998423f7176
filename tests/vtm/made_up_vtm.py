"""A made-up tree that passes for VTM, and a made-up list of insertions; no line of VTM is needed."""

from __future__ import annotations

from pathlib import Path

from idse.vtm.insertions import PatchList, load_patch_list
from idse.vtm.state import STATE

HEADER = "source/Lib/CommonLib/version.h"
COST = "source/Lib/CommonLib/Cost.cpp"
OPTIONS = "source/App/EncoderApp/Options.cpp"
CMAKE = "source/Lib/CommonLib/CMakeLists.txt"
MIXED = "source/Lib/EncoderLib/Mixed.cpp"
OVERLAY = "source/Lib/CommonLib/idse_overlay.cpp"
SHARED = "source/Lib/idse/weights/shared.h"

TREE = {
    HEADER: b'#if ! defined( VTM_VERSION )\n#define VTM_VERSION "23.7"\n#endif\n',
    COST: b"int cost(int a)\n{\n  Part part;\n  return part.get(a);\n}\nint more()\n{\n  Part part;\n  return 0;\n}",
    OPTIONS: b'// caf\xe9\r\noptions\r\n("Last,-l", last, 0)\r\n;\r\n',
    MIXED: b"first();\r\nsecond();\nthird();\r\n",
    "source/Lib/EncoderLib/Plain.cpp": b"nothing here\n",
    CMAKE: b"glob( *.cpp )\nadd_library( x )\n",
    "cfg/encoder_intra.cfg": b"QP: 32\n",
}

LIST = """
supported = ["8.2", "23"]

[[copy]]
source = "overlay/idse_overlay.cpp"
target = "source/Lib/CommonLib/idse_overlay.cpp"

[[copy]]
source = "native:weights/shared.h"
target = "source/Lib/idse/weights/shared.h"

[[insertion]]
name = "include"
file = "source/Lib/CommonLib/Cost.cpp"
anchor = "int cost("
count = 1
place = "line-before"
text = '''
#include "idse_overlay.h"
#define ONE 1
'''

[[insertion]]
name = "cost"
file = "source/Lib/CommonLib/Cost.cpp"
anchor = "Part part;"
count = 2
occurrences = [0]
place = "line-after"
text = "  if (idse()) return 0;"

[[insertion]]
name = "every part"
file = "source/Lib/CommonLib/Cost.cpp"
anchor = "Part part;"
count = 2
place = "before"
text = "const "

[[insertion]]
name = "argument"
file = "source/Lib/CommonLib/Cost.cpp"
versions = ["23"]
anchor = "get(a"
count = 1
place = "after"
text = ", idse(a)"

[[insertion]]
name = "of 8.2 only"
file = "source/Lib/CommonLib/Cost.cpp"
versions = ["8.2"]
anchor = "not in this version"
count = 1
place = "before"
text = "x"

[[insertion]]
name = "option"
file = "source/App/EncoderApp/Options.cpp"
anchor = '("Last,-l"'
count = 1
place = "line-before"
text = '''
("First,-f", first, 0)
("Second,-s", second, 0)
'''

[[insertion]]
name = "build"
file = "source/Lib/CommonLib/CMakeLists.txt"
anchor = "add_library("
count = 1
place = "line-before"
text = "set( y )"

[[insertion]]
name = "mixed"
file = "source/Lib/EncoderLib/Mixed.cpp"
anchor = "();"
count = 3
place = "line-after"
text = "idse();"
"""

PATCHED = {
    COST: b"""//idse{ include
#include "idse_overlay.h"
#define ONE 1
//}idse
int cost(int a)
{
  /*idse{*/const /*}idse*/Part part;
//idse{ cost
  if (idse()) return 0;
//}idse
  return part.get(a/*idse{*/, idse(a)/*}idse*/);
}
int more()
{
  /*idse{*/const /*}idse*/Part part;
  return 0;
}""",
    OPTIONS: b'// caf\xe9\r\noptions\r\n//idse{ option\r\n("First,-f", first, 0)\r\n("Second,-s", second, 0)\r\n'
    b'//}idse\r\n("Last,-l", last, 0)\r\n;\r\n',
    CMAKE: b"glob( *.cpp )\n#idse{ build\nset( y )\n#}idse\nadd_library( x )\n",
    MIXED: b"first();\r\n//idse{ mixed\r\nidse();\r\n//}idse\r\nsecond();\n//idse{ mixed\nidse();\n//}idse\n"
    b"third();\r\n//idse{ mixed\r\nidse();\r\n//}idse\r\n",
    OVERLAY: b"int idse(int a) { return a; }\r\n",
    SHARED: b"#pragma once\n",
}


class Data:
    """A folder with a list and its sources, to be changed by a test."""

    def __init__(self, folder: Path) -> None:
        self.patch, self.native = folder / "vtm_patch", folder / "vvc"
        for path, data in (
            (self.patch / "overlay/idse_overlay.cpp", PATCHED[OVERLAY]),
            (self.native / "weights/shared.h", PATCHED[SHARED]),
        ):
            path.parent.mkdir(parents=True)
            path.write_bytes(data)
        self.write(LIST)

    def write(self, text: str) -> None:
        (self.patch / "insertions.toml").write_text(text, encoding="utf-8")

    def load(self) -> PatchList:
        return load_patch_list(self.patch, self.native)


def make_tree(root: Path) -> Path:
    for name, content in TREE.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def contents(root: Path) -> dict[str, bytes]:
    """Every file of the tree."""
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def folders(root: Path) -> set[str]:
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_dir()}


def times(root: Path) -> dict[str, int]:
    return {p.as_posix(): p.stat().st_mtime_ns for p in root.rglob("*")}


def patched_tree() -> dict[str, bytes]:
    return {**TREE, **PATCHED}


def without_state(root: Path) -> dict[str, bytes]:
    return {name: content for name, content in contents(root).items() if name != STATE}


def newer(data: Data) -> PatchList:
    """Another list: one file less edited, another more, one copy replaced, one gone, one new."""
    shared = LIST.index("[[copy]]", LIST.index("[[copy]]") + 1)
    text = LIST[:shared] + LIST[LIST.index("[[insertion]]") : LIST.index('[[insertion]]\nname = "mixed"')]
    text += (
        '[[insertion]]\nname = "plain"\nfile = "source/Lib/EncoderLib/Plain.cpp"\nanchor = "nothing"\ncount = 1\n'
        'place = "before"\ntext = "not "\n'
        '[[copy]]\nsource = "native:weights/shared.h"\ntarget = "source/Lib/other/shared.h"\n'
    )
    data.write(text)
    (data.patch / "overlay/idse_overlay.cpp").write_bytes(b"newer\n")
    return data.load()


def newer_tree() -> dict[str, bytes]:
    tree = {**patched_tree(), MIXED: TREE[MIXED], OVERLAY: b"newer\n"}
    tree["source/Lib/EncoderLib/Plain.cpp"] = b"/*idse{*/not /*}idse*/nothing here\n"
    tree["source/Lib/other/shared.h"] = tree.pop(SHARED)
    return tree
