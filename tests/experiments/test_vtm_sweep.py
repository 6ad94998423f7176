import dataclasses
import importlib.util
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from idse.detectors import Observation
from idse.engines.base import EncodedStream, EncodeSettings, FrameStats
from idse.engines.vtm.options import TOOLS
from idse.errors import IdseError
from idse.experiments import vtm_bench
from idse.experiments.laboratory import Laboratory
from idse.experiments.sweep import Cell
from idse.experiments.vtm_bench import Bench
from idse.experiments.vtm_plan import VTM_CONFIGURATIONS, vtm_configurations
from idse.media.frame import Frame
from idse.metrics import Detections

pytest.importorskip("bjontegaard")

QPS = ["27", "32", "37", "42"]


class FakeVtm:
    """An engine that rounds samples: coarser with the QP, finer with weights."""

    name = "vtm"
    version = "23.13"
    encodes = 0
    patched = True

    def check(self, settings: EncodeSettings, *, weighted: bool) -> None:
        if weighted and not FakeVtm.patched:
            raise IdseError("not patched")

    def encode(self, frames, weights, settings: EncodeSettings, progress=None) -> EncodedStream:  # type: ignore[no-untyped-def]
        FakeVtm.encodes += 1
        frame: Frame = frames[0].with_bit_depth(10)
        step = int(2 ** ((settings.qp - 4) / 6)) - (weights is not None)
        planes = tuple(((p // step) * step + step // 2).clip(0, 1023).astype(np.uint16) for p in frame.planes)
        data = bytes(10000 // step)
        stats = FrameStats(len(data), settings.qp, (0.0, 0.0, 0.0))
        share = {} if weights is None else {"weighted_share": 0.875}
        return EncodedStream(data, [Frame(planes, 10)], [stats], 0.0, share)


class Edges:
    name = "yolox_nano"
    identity: ClassVar = {"weights_sha256": "0"}

    def observe(self, pictures: Sequence[np.ndarray]) -> list[Observation]:
        nothing = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
        return [Observation([np.diff(rgb, axis=0), np.diff(rgb, axis=1)], nothing) for rgb in pictures]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that looks like a checkout of VTM; the engine and the detectors are stand-ins."""
    root = tmp_path / "vtm"
    for name, text in {
        "source/Lib/CommonLib/version.h": '#define VTM_VERSION "23.13"\n',
        "cfg/encoder_intra_vtm.cfg": "QP : 32\n",
        "bin/EncoderAppStatic": "one build",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "bin/EncoderAppStatic").chmod(0o755)
    monkeypatch.setattr(vtm_bench, "_engine", lambda root, options: FakeVtm())
    monkeypatch.setattr(vtm_bench, "load_detectors", lambda folder: [Edges()])
    FakeVtm.encodes = 0
    forget()
    yield root
    forget()


def forget() -> None:
    """As in a new process."""
    vtm_bench.laboratory.cache_clear()
    vtm_bench._program.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    y, x = np.mgrid[0:64, 0:96]
    for number in range(2):
        waves = [128 + 100 * np.sin(x / (5 + number) + k) * np.cos(y / (4 + k)) for k in range(3)]
        Image.fromarray(np.stack(waves, axis=2).astype(np.uint8)).save(folder / f"00{number}.png")
    return folder


def script():  # type: ignore[no-untyped-def]
    path = Path(__file__).parents[2] / "scripts" / "evaluate_vtm.py"
    spec = importlib.util.spec_from_file_location("evaluate_vtm", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_keys_change_with_all_that_decides_figures(root: Path, tmp_path: Path) -> None:
    activity = vtm_configurations(["activity"])[0]

    def key(bench: Bench, **changes) -> str:  # type: ignore[no-untyped-def]
        forget()
        return vtm_bench.laboratory(bench).key(dataclasses.replace(activity, **changes))

    bench = Bench(tmp_path, root)
    first = key(bench)
    assert key(bench, name="another", what="words") == first
    assert key(dataclasses.replace(bench, timeout=60.0, maps=tmp_path)) == first
    assert key(dataclasses.replace(bench, base=EncodeSettings(preset=0))) == first  # VTM has none
    others = [
        key(bench, tools=TOOLS[1:]),
        key(bench, lmcs=True),
        key(bench, chroma_qp=-3),
        key(bench, chroma_planes=False),
        key(bench, importance="none"),
        key(dataclasses.replace(bench, extra=("--MaxMTTDepth=1",))),
        key(dataclasses.replace(bench, base=EncodeSettings(tau=0.5))),
    ]
    (root / "cfg/encoder_intra_vtm.cfg").write_text("QP : 31\n")
    others.append(key(bench))
    (root / "bin/EncoderAppStatic").write_text("another build")
    others.append(key(bench))
    assert len({first, *others}) == 1 + len(others)


def test_the_plan() -> None:
    plan = {c.name: c for c in VTM_CONFIGURATIONS}
    assert len(plan) == len(VTM_CONFIGURATIONS) == 20
    assert set(plan["yolox-rdo"].tools) | set(plan["yolox-qp"].tools) == set(TOOLS)
    assert [set(TOOLS) - set(plan[f"yolox-no-{t}"].tools) for t in TOOLS] == [{t} for t in TOOLS]
    bench = Bench(Path(), Path(), ("--A=1",))
    assert bench.options(plan["none"]).lmcs is False
    assert bench.options(plan["none-lmcs"]).lmcs is None
    assert bench.options(plan["none"]).extra == ("--A=1",)
    with pytest.raises(IdseError, match="'yolox-no-way' is unknown"):
        vtm_configurations(["yolox-no-way"])


def test_the_command_measures_once_and_prints_tables(
    root: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = script()
    common = [
        "--vtm-root",
        str(root),
        "--folder",
        str(folder),
        "--store",
        str(tmp_path / "s.sqlite"),
        "--jobs",
        "1",
    ]
    common += ["--shared", str(tmp_path), "--qps", *QPS, "--configs", "none", "activity"]
    assert module.run(module.parse([*common, "--pictures", "1"])) == 0
    assert FakeVtm.encodes == 8
    forget()

    assert [p.name.split("-")[0] for p in (tmp_path / "s.maps").iterdir()] == ["000"]
    more = [
        "--pictures",
        "000",
        "001.png",
        "--anchor",
        "none",
        "activity",
        "--json",
        str(tmp_path / "t.json"),
    ]
    assert module.run(module.parse([*common, *more, "--table-only"])) == 0
    assert FakeVtm.encodes == 8
    found = json.loads((tmp_path / "t.json").read_text())
    assert found["against"]["none"]["activity"]["pictures"] == ["000.png"]
    assert found["against"]["none"]["activity"]["weighted_share"] == 0.875
    assert found["against"]["activity"]["none"]["bd_rate"]["fYX"]["percent"] is not None
    text = capsys.readouterr().out
    assert "| BD-rate %, against `none` | fYX | PSNR Y | PSNR U | PSNR V | bytes | CPU |" in text
    assert "| 87.5 % | 1 |" in text

    assert module.run(module.parse([*common, *more])) == 0
    assert FakeVtm.encodes == 16
    assert json.loads((tmp_path / "t.json").read_text())["against"]["none"]["activity"]["pictures"] == [
        "000.png",
        "001.png",
    ]
    with pytest.raises(IdseError, match=r"no picture '7\.png'"):
        module.run(module.parse([*common, "--pictures", "7.png"]))


def test_maps_are_made_once(
    root: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, root, maps=tmp_path / "maps")
    activity = vtm_configurations(["activity"])[0]
    picture = folder / "000.png"
    made = []
    estimate = Laboratory._estimate

    def counted(self, frame, configuration):  # type: ignore[no-untyped-def]
        made.append((frame.width, frame.height))
        return estimate(self, frame, configuration)

    monkeypatch.setattr(Laboratory, "_estimate", counted)
    maps = []
    for _ in range(2):
        forget()
        laboratory = vtm_bench.laboratory(bench)
        maps.append(laboratory.weights(picture, laboratory._source(picture)[0], activity))
    assert made.count((96, 64)) == 1
    assert np.array_equal(maps[0].planes, maps[1].planes)
    for file in bench.maps.iterdir():  # type: ignore[union-attr]
        file.write_bytes(file.read_bytes()[:100])
    forget()
    laboratory = vtm_bench.laboratory(bench)
    again = laboratory.weights(picture, laboratory._source(picture)[0], activity)
    assert again is not None
    assert np.array_equal(again.planes, maps[0].planes)


def test_no_hours_for_what_cannot_be_coded(
    root: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script()
    common = ["--vtm-root", str(root), "--folder", str(folder), "--store", str(tmp_path / "s.sqlite")]
    monkeypatch.setattr(FakeVtm, "patched", False)
    with pytest.raises(IdseError, match="not patched"):
        module.run(module.parse([*common, "--configs", "none", "activity", "--jobs", "1"]))
    assert FakeVtm.encodes == 0


def test_a_build_in_the_middle_is_noticed(root: Path, folder: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path, root)
    none = vtm_configurations(["none"])[0]
    cell = Cell(folder / "000.png", none, 32)
    vtm_bench.laboratory(bench).key(none)
    assert vtm_bench.measure(bench, cell).size > 0
    (root / "bin/EncoderAppStatic").write_text("another build")
    with pytest.raises(IdseError, match="built anew"):
        vtm_bench.measure(bench, cell)
