"""The plans of the repository: every one can be read, and asks for what its name says. No data is needed."""

from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path

import pytest

from idse.engines import WeightScope
from idse.sweeps.plan import Plan, read_plan
from idse.vtm.options import TOOLS, VtmOptions

PLANS = Path(__file__).parents[2] / "plans"
QPS = (27, 32, 37, 42, 47)


def plan(name: str) -> Plan:
    return read_plan(PLANS / f"{name}.toml")


@pytest.fixture
def trained(path: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The plan, where the codecs that it names have been trained: beside `runs`."""
    runs = set(re.findall(r"\.\./runs/([^/]+)/codec\.idsec", path.read_text()))
    if not runs:
        return path
    codec = request.getfixturevalue("untrained_codec")()
    for name in runs:
        (tmp_path / "main" / "runs" / name).mkdir(parents=True)
        codec.save(tmp_path / "main" / "runs" / name / "codec.idsec")
    (tmp_path / "main" / "plans").mkdir()
    return Path(shutil.copy(path, tmp_path / "main" / "plans"))


@pytest.mark.parametrize("path", sorted(PLANS.glob("*.toml")), ids=lambda p: p.stem)
def test_every_plan(path: Path, trained: Path) -> None:
    found = read_plan(trained)
    assert found.name == path.stem
    assert [d.name for d in found.detectors] == ["yolox_nano", "nanodet_m"]
    # Defaults are chosen on other pictures than they are measured on.
    part = "train" if path.stem == "target-variants" else "val"
    assert found.dataset.images.resolve() == (trained.parents[2] / "shared/data/coco" / part).resolve()
    for codec in found.codecs:
        assert set(codec.importance.detectors) <= {"yolox_nano", "nanodet_m", "embedded"}
        settings = [codec.encode_settings(qp) for qp in codec.qps]
        assert [s.target.qp for s in settings] == list(codec.qps)
    learned = [codec for codec in found.codecs if codec.engine == "learned"]
    assert all(codec.qps == (0, 1) for codec in learned)  # all points of `untrained_codec`
    if path.stem == "learned":
        assert {"native", "x265", "learned"} == {codec.engine for codec in found.codecs}
        assert {codec.name for codec in learned if codec.task_models} == {"T-FT", "J-FT"}


def test_idse() -> None:
    codecs = {c.name: c for c in plan("idse").codecs}
    assert list(codecs) == [
        "none", "none-c3", "activity", "activity-c3", "yolox", "yolox-rdo", "yolox-qp", "yolox-l2", "yolox-l8",
        "yolox-tiles", "yolox-luma", "yolox-luma-c3", "embedded", "embedded-luma-c3",
    ]  # fmt: skip
    assert {(c.engine, c.qps, c.scales) for c in codecs.values()} == {("native", QPS, (100,))}
    for name, codec in codecs.items():
        settings, importance = codec.encode_settings(32), codec.importance
        wanted = -3 if name.endswith("-c3") else 0
        assert (settings.cb_qp_offset, settings.cr_qp_offset) == (wanted, wanted)
        assert importance.method == {"none": "none", "activity": "activity"}.get(
            name.split("-")[0], "jacobian"
        )
        if importance.method == "jacobian":
            assert importance.detector.startswith(name.split("-")[0])
        assert importance.tiles == name.endswith("tiles")
        assert importance.chroma_planes == ("luma" not in name)
        assert importance.proj_dim == {"yolox-l2": 2, "yolox-l8": 8}.get(name, 4)
    scopes = [codecs[n].encode_settings(32).shaping.weight_scope for n in ("yolox-rdo", "yolox-qp", "yolox")]
    assert scopes[0] | scopes[1] == scopes[2] == WeightScope.ALL
    assert not scopes[0] & scopes[1]


def test_variants_share_rows_with_idse() -> None:
    ours, theirs = ({c.name: c.described() for c in plan(n).codecs} for n in ("idse", "idse-variants"))
    assert {n for n in theirs if n in ours} == {"none", "yolox"}
    assert all(theirs[n] == ours[n] for n in ("none", "yolox"))
    assert not [a for a, b in itertools.combinations(theirs, 2) if theirs[a] == theirs[b]]
    assert theirs["yolox+nanodet"]["importance"]["detector"] == "yolox_nano+nanodet_m"


def test_targets_have_their_controls() -> None:
    codecs = {c.name: c for c in plan("targets").codecs}
    assert {"none", "noise", "none-70", "activity-c3", "embedded-70"} <= codecs.keys()
    assert codecs["none-70"].scales == codecs["embedded-70"].scales == (70,)
    for name, codec in codecs.items():
        importance = codec.importance
        if importance.method == "jacobian":
            assert importance.target in name or importance.detector == "embedded"
            assert importance.passes == (2 if name.endswith("passes") else 1)
        else:
            assert name in ("none", "none-70", "noise", "activity-c3")
    assert codecs["noise"].encode_settings(32).shaping.exponent == 0.01


def test_vtm() -> None:
    codecs = {c.name: c for c in plan("vtm").codecs}
    assert {c.engine for c in codecs.values()} == {"vtm"}
    assert {c.qps for c in codecs.values()} == {QPS}
    assert not [n for n, c in codecs.items() if "root" in c.options]  # IDSE_VTM_ROOT says it

    def tools(name: str) -> set[str]:
        return set(VtmOptions(tools=tuple(codecs[name].options["tools"])).tools_for(WeightScope.ALL))

    assert tools("yolox-rdo") | tools("yolox-qp") == set(TOOLS)
    assert not tools("yolox-rdo") & tools("yolox-qp")
    assert [set(TOOLS) - tools(f"yolox-no-{t}") for t in TOOLS] == [{t} for t in TOOLS]
    assert [codecs[f"yolox-l{n}"].importance.proj_dim for n in (2, 8, 16)] == [2, 8, 16]
    assert [n for n, c in codecs.items() if "lmcs" not in c.options] == ["none-lmcs"]
    assert {c.options["lmcs"] for c in codecs.values() if "lmcs" in c.options} == {False}
    assert len(codecs) == 12 + len(TOOLS)


def test_anchors() -> None:
    (codec,) = plan("anchors").codecs
    assert (codec.engine, codec.importance.method) == ("vtm", "none")
    assert set(itertools.product(codec.scales, codec.qps)) == {
        (s, q) for s in (100, 75, 50, 25) for q in range(22, 53, 5)
    }


def test_baselines() -> None:
    codecs = {c.name: c for c in plan("baselines").codecs}
    assert {"native", "x265", "svtav1", "x264", "jpeg"} == {c.engine for c in codecs.values()}
    assert codecs["activity map"].importance.method == "activity"
    assert not codecs["no loop filter"].encode_settings(32).tools.deblocking
    assert codecs["chroma QP -3"].importance.method == "none"
    assert codecs["chroma QP -3"].encode_settings(32).cr_qp_offset == -3
    boxes = codecs["boxes QP -6"]
    assert (boxes.importance.method, boxes.importance.roi_qp) == ("roi", 6)
    assert all(len(c.qps) == 5 for c in codecs.values())


def test_tau() -> None:
    codecs = plan("tau").codecs
    for method in ("jacobian", "activity"):
        family = [c for c in codecs if c.importance.method == method]
        taus = [c.encode_settings(32).shaping.tau for c in family]
        assert taus == sorted(set(taus))
        assert min(taus) <= 0.05
        assert max(taus) >= 2
