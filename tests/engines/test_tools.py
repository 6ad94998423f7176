"""One table of the native encoder's tools: what is made from it is not stale, and reaches every place."""

from __future__ import annotations

import dataclasses
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from idse.engines import EncodeSettings, NativeTools
from idse.sweeps.identity import _deciding

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("generate_tools", ROOT / "scripts/generate_tools.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "generate_tools", module)  # dataclasses look there
        spec.loader.exec_module(module)
        yield module


def test_generated_files_are_not_stale(script, capsys):
    assert script.main(["--check"]) == 0, capsys.readouterr().out + "run python scripts/generate_tools.py"


def test_the_table_is_what_python_has(script):
    rows = script.read_table((ROOT / script.TABLE).read_text())
    assert [(r.name, r.default) for r in rows] == [(f.name, f.default) for f in dataclasses.fields(NativeTools)]


@pytest.fixture
def grown(script, tmp_path) -> Path:
    """A copy of what the table decides, with one more tool."""
    for name in (script.TABLE, "idse/_native.pyi", "docs/encoder.md", "idse/engines/native_tools.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    table = tmp_path / script.TABLE
    row = 'TOOL(int, isp, 0, "0,1,2", "--isp", "Off, a, (b).", "Sub-partitions, a, b.", "x, 1")\n#undef'
    table.write_text(table.read_text().replace("#undef", row))
    return tmp_path


def test_a_new_tool(script, grown, capsys):
    assert script.main(["--check"], grown) == 1
    assert capsys.readouterr().out.count("is not what the table says") == 3
    assert script.main([], grown) == 0
    assert script.main(["--check"], grown) == 0
    assert "    isp: int\n    # end" in (grown / "idse/_native.pyi").read_text()
    assert "| `isp` | `--isp` | 2 or 1 or 0 | 0 | Sub-partitions, a, b. | x, 1 |" in (
        grown / "docs/encoder.md"
    ).read_text()
    space: dict[str, object] = {"__name__": __name__}
    exec((grown / "idse/engines/native_tools.py").read_text(), space)
    tools = space["NativeTools"]
    assert dataclasses.fields(tools)[-1].metadata["choices"] == (0, 1, 2)
    assert tools(isp=2).isp == 2
    with pytest.raises(Exception, match="isp 3: must be 0 or 1 or 2"):
        tools(isp=3)


def test_rows_that_cannot_be_read(script):
    for row in ('TOOL(float, x, 1, "", "", "", "", "")', 'TOOL(int, x, 1, "1")', 'TOOL(int, "x'):
        with pytest.raises(ValueError, match=r"tools\.def"):
            script.read_table(row)


def test_results_stay_valid_when_a_tool_is_added(monkeypatch):
    """A tool that came later counts in a key only where it is not at its default."""
    before = _deciding(EncodeSettings())

    @dataclasses.dataclass(frozen=True)
    class MoreTools(NativeTools):
        isp: bool = dataclasses.field(default=False, metadata={"choices": (False, True)})

    monkeypatch.setattr("idse.sweeps.identity.NativeTools", MoreTools)
    assert _deciding(EncodeSettings(tools=MoreTools())) == before
    assert _deciding(EncodeSettings(tools=MoreTools(isp=True))) == before | {"isp": True}
