"""Keys of results: they change with all that decides figures, and with nothing else."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from idse.errors import IdseError
from idse.experiments.sweeps.identity import engine_identity, result_key
from idse.experiments.sweeps.plan import parse_plan
from idse.experiments.sweeps.preparation import prepare
from idse.experiments.sweeps.store import Store
from idse.experiments.sweeps.worker import Worker

PLAN = """
qp = [32]
seed = {seed}
[dataset]
kind = "folder"
images = "pictures"
[[codecs]]
name = "{name}"
engine = "{engine}"
{more}
importance = {{ {importance} }}
"""


def key(folder: Path, **changes: Any) -> str:
    values: Mapping[str, Any] = {
        "name": "a", "engine": "native", "seed": 0, "more": "", "importance": 'detector = "embedded"',
    }  # fmt: skip
    plan = parse_plan(PLAN.format(**(values | changes)), folder)
    worker = Worker(plan)
    identity = worker.maps.identity(plan.codecs[0].importance)
    return result_key("digest", plan.codecs[0], engine_identity(worker.engine(0)), identity, 100, 32)


def test_of_the_native_engine(folder: Path) -> None:
    first = key(folder)
    assert key(folder, name="another") == first
    assert key(folder, importance="proj_dim = 4") == first  # as it is anyway
    others = [
        key(folder, more="tau = 0.5"),
        key(folder, more="preset = 0"),
        key(folder, more='weight_scope = "qp"'),
        key(folder, more="cb_qp_offset = -3"),
        key(folder, importance="proj_dim = 2"),
        key(folder, importance="chroma_planes = false"),
        key(folder, importance='method = "activity"'),
        key(folder, importance='method = "none"'),
        key(folder, seed=1),
    ]
    assert len({first, *others}) == 1 + len(others)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like an unpatched, built VTM."""
    root = tmp_path / "vtm"
    for name, text in {
        "source/Lib/CommonLib/version.h": '#define VTM_VERSION "23.13"\n',
        "cfg/encoder_intra_vtm.cfg": "IntraPeriod : 1\n",
        "bin/EncoderAppStatic": f"#!{sys.executable} -S\nprint('one build')\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "bin/EncoderAppStatic").chmod(0o755)
    return root


def test_of_vtm(folder: Path, checkout: Path) -> None:
    def of(more: str = "", where: Path = checkout) -> str:
        return key(folder, engine="vtm", importance='method = "none"', more=f'root = "{where}"\n{more}')

    first = of()
    assert of("timeout = 60") == first
    moved = checkout.rename(folder / "elsewhere")
    assert of(where=moved) == first
    others = [of("lmcs = false", moved), of('extra = ["--MaxMTTDepth=1"]', moved), of("tau = 0.5", moved)]
    others.append(of('tools = ["sse"]', moved))
    (moved / "cfg/encoder_intra_vtm.cfg").write_text("IntraPeriod : 2\n")
    others.append(of(where=moved))
    program = moved / "bin/EncoderAppStatic"
    program.write_text(program.read_text().replace("one", "another"))
    others.append(of(where=moved))
    assert len({first, *others}) == 1 + len(others)


def test_no_hours_for_what_cannot_be_coded(folder: Path, checkout: Path) -> None:
    text = PLAN.format(name="a", engine="native", seed=0, more="preset = 0", importance='method = "none"')
    text += f'[[codecs]]\nname = "b"\nengine = "vtm"\nroot = "{checkout}"\nimportance = "activity"\n'
    with (
        Store(folder / "r.sqlite") as store,
        pytest.raises(IdseError, match=r"codec 'b': VTM at .* isn't patched"),
    ):
        prepare(parse_plan(text, folder), store)
