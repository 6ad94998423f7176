"""`ImportanceSettings` and `MapMaker`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from toy import ToyDetector, ToyExtractor, random_frame

from idse.errors import IdseError
from idse.features.heads import Candidates, HeadOutputs
from idse.importance.boxes import box_map
from idse.importance.combine import combine
from idse.importance.estimate import activity_map, estimate_map
from idse.importance.maker import ImportanceSettings, MapMaker

TOYS = {"a": ToyExtractor(0), "b": ToyExtractor(1), "heads": ToyDetector(2)}
FRAMES = [random_frame(32, 24), random_frame(32, 24, seed=1)]


def toy(name, weights, device, nodes):
    return TOYS[name]


def make(**settings):
    """A map of features, unless the settings name another target."""
    return MapMaker(ImportanceSettings(**{"target": "features"} | settings), load_extractor=toy)(FRAMES)


@pytest.mark.parametrize(
    "change,message",
    [
        ({"method": "luck"}, "importance 'luck': must be one of jacobian, activity, roi, none"),
        ({"method": ["roi"]}, r"importance '\['roi'\]': must be one of"),
        ({"sketch": "pencil"}, "sketch 'pencil': must be one of rademacher, achlioptas, gaussian"),
        ({"level_norm": "max"}, "level norm 'max': must be one of none, mean, energy"),
        ({"proj_dim": 0}, "proj dim 0: must be 1..64"),
        ({"proj_dim": 2.5}, "proj dim 2.5: must be a whole number, 1..64"),
        ({"proj_dim": "4"}, "proj dim '4': must be a number, 1..64"),
        ({"proj_dim": True}, "proj dim True: must be a number"),
        ({"target": "boxes"}, "target 'boxes': must be one of features, detections, both"),
        ({"metric": "AP"}, "metric 'AP': must be one of default, scores"),
        ({"passes": 3}, "passes 3: must be 1..2"),
        ({"at": "source"}, "at 'source': must be one of decoded, both"),
        ({"rounds": 65}, "rounds 65: must be 1..64"),
        ({"seed": -1}, r"seed -1: must be 0..9223372036854775807"),
        ({"log2_unit": 8}, "log2 unit 8: must be 0..7"),
        ({"noise_sigma": float("nan")}, "noise sigma nan: must be 0..255"),
        ({"noise_sigma": float("inf")}, "noise sigma inf: must be 0..255"),
        ({"blend_activity": -0.5}, "blend activity -0.5: must be 0..16"),
        ({"blend_activity": float("inf")}, "blend activity inf: must be 0..16"),
        ({"roi_qp": 0}, "roi qp 0: must be above 0, at most 12"),
        ({"roi_qp": 12.5}, "roi qp 12.5: must be above 0, at most 12"),
        ({"roi_score": 1.5}, "roi score 1.5: must be 0..1"),
        ({"tiles": "false"}, "tiles 'false': must be true or false"),
        ({"chroma_planes": 1}, "chroma planes 1: must be true or false"),
        ({"device": "tpu"}, "device 'tpu': must be cpu, cuda or auto"),
        ({"device": 0}, "device '0': must be cpu, cuda or auto"),
        ({"weights": 3}, "weights 3: must be the name of a file"),
        ({"detector": ""}, "detector '': must be a name, or several"),
        ({"detector": "a++b"}, r"detector 'a\+\+b': must be a name, or several"),
        ({"detector": ["a"]}, r"detector \['a'\]: must be a name"),
        ({"nodes": "a"}, "nodes 'a': must be a list of names"),
        ({"nodes": (1,)}, r"nodes \(1,\): must be a list of names"),
        ({"nodes": ("x",), "detector": "a+b"}, "nodes name the features of one detector, not of 2"),
        ({"method": "roi", "detector": "a+b"}, "importance roi takes the boxes of one detector, not of 2"),
    ],
)
def test_settings_out_of_range(change, message):
    with pytest.raises(IdseError, match=message) as refused:
        ImportanceSettings(**change)
    assert "\n" not in str(refused.value)


def test_numbers_of_numpy_are_numbers():
    ImportanceSettings(proj_dim=np.int64(8), noise_sigma=np.float32(3), roi_qp=np.int32(4))


def test_deciding():
    """Content hashes of stores are made of these: they must not change for settings that older plans have."""
    jacobian = {
        "method": "jacobian", "detector": "embedded", "weights": None, "proj_dim": 4, "sketch": "rademacher", "seed": 0,
        "rounds": 1, "noise_sigma": 0.0, "log2_unit": 3, "tiles": False, "device": "auto", "blend_activity": 0.0,
        "chroma_planes": True,
    }  # fmt: skip

    def deciding(**changes):
        return ImportanceSettings(**{"profile": "none"} | changes).deciding()

    assert deciding(target="features") == jacobian
    assert deciding(target="features", profile_prior=0.5) == jacobian
    assert deciding(weights=Path("w.npz"), target="features") == jacobian | {"weights": "w.npz"}
    added = deciding(level_norm="mean", nodes=["x"], target="features")
    assert added == jacobian | {"level_norm": "mean", "nodes": ["x"]}
    own = ImportanceSettings(target="features", profile_prior=0.5).deciding()
    assert own == jacobian | {"profile": "own", "profile_prior": 0.5}
    other = deciding(target="both", metric="scores", passes=2, at="decoded")
    assert other == jacobian | {"target": "both", "metric": "scores", "passes": 2, "at": "decoded"}
    assert ImportanceSettings("none", "a").deciding() == {"method": "none"}
    assert ImportanceSettings("none", profile="lowpass").deciding() == {
        "method": "none", "log2_unit": 3, "profile": "lowpass", "chroma_planes": True,
    }  # fmt: skip
    assert ImportanceSettings("activity", profile="embedded", target="features").deciding() == {
        "method": "activity", "log2_unit": 3, "profile": "embedded", "chroma_planes": True, "target": "features",
    }  # fmt: skip
    assert ImportanceSettings("activity", seed=3).deciding() == {"method": "activity", "log2_unit": 3}
    assert ImportanceSettings("roi", "a", proj_dim=8).deciding() == {
        "method": "roi", "detector": "a", "weights": None, "log2_unit": 3, "roi_qp": 6.0, "roi_score": 0.3,
    }  # fmt: skip


def test_detectors(tmp_path, monkeypatch):
    assert ImportanceSettings(detector="a+b").detectors == ["a", "b"]
    assert ImportanceSettings("activity").detectors == []
    monkeypatch.chdir(tmp_path)
    Path("x+y.onnx").touch()
    assert ImportanceSettings(detector="x+y.onnx").detectors == ["x+y.onnx"]


def test_none():
    maker = MapMaker(ImportanceSettings("none"))
    assert maker(FRAMES) is None
    assert (maker.load_seconds, maker.seconds) == (0, 0)


def test_activity():
    made = make(method="activity", log2_unit=2)
    np.testing.assert_array_equal(made.planes, activity_map(FRAMES, 2).planes)


def test_jacobian():
    settings = {
        "proj_dim": 2, "sketch": "gaussian", "seed": 5, "rounds": 2, "noise_sigma": 3.0, "log2_unit": 2,
        "tiles": True, "level_norm": "energy",
    }  # fmt: skip
    made = make(detector="a", **settings)
    want = estimate_map(FRAMES, extractor=TOYS["a"], **settings)
    np.testing.assert_array_equal(made.planes, want.planes)
    np.testing.assert_array_equal(made.tiles, want.tiles)
    assert made.meta == want.meta
    for name in settings.keys() - {"tiles", "log2_unit"}:
        other = make(detector="a", **{k: v for k, v in settings.items() if k != name})
        assert not np.array_equal(other.planes, made.planes), name


def test_sum_of_detectors():
    a, b = (estimate_map(FRAMES, extractor=TOYS[name]) for name in "ab")
    made = make(detector="a+b")
    np.testing.assert_array_equal(made.planes, combine([a, b]).planes)
    shares = [p / p[:, :1].mean((2, 3), keepdims=True) for p in (a.planes, b.planes)]
    np.testing.assert_allclose(made.planes, shares[0] + shares[1], rtol=1e-5)


def test_both_targets_are_added():
    """Each divided by its mean: features and detections are in units of their own."""
    alone = [estimate_map(FRAMES, extractor=TOYS["heads"], target=t) for t in ("features", "detections")]
    assert not np.allclose(*(m.planes / m.planes.mean() for m in alone))
    np.testing.assert_array_equal(make(detector="heads", target="both").planes, combine(alone).planes)
    np.testing.assert_array_equal(make(detector="heads", target="detections").planes, alone[1].planes)
    scores = make(detector="heads", target="detections", metric="scores")
    assert not np.array_equal(scores.planes, alone[1].planes)


def test_a_detector_without_known_outputs_has_features_only():
    with pytest.raises(IdseError, match=r"toy: has features only.*choose --target features"):
        make(detector="a", target="both")


def test_two_passes():
    decoded = [random_frame(32, 24, seed=7), random_frame(32, 24, seed=8)]

    def made(target="features", **settings):
        wanted = ImportanceSettings(detector="heads", target=target, **settings)
        return MapMaker(wanted, load_extractor=toy)(FRAMES, decoded=decoded)

    there = estimate_map(decoded, extractor=TOYS["heads"])
    here = estimate_map(FRAMES, extractor=TOYS["heads"])
    np.testing.assert_array_equal(made(passes=2, at="decoded").planes, there.planes)
    np.testing.assert_array_equal(made(passes=2).planes, combine([here, there]).planes)
    np.testing.assert_array_equal(made().planes, here.planes)  # one pass: the decoded frames do not matter
    # Weights of detections are the source's, wherever the derivatives are taken.
    moved = estimate_map(decoded, extractor=TOYS["heads"], target="detections")
    assert not np.array_equal(made("detections", passes=2, at="decoded").planes, moved.planes)


def test_blend_with_activity():
    want = combine(
        [estimate_map(FRAMES, extractor=TOYS["a"])], activity=activity_map(FRAMES), blend_activity=0.5
    )
    np.testing.assert_array_equal(make(detector="a", blend_activity=0.5).planes, want.planes)
    assert np.isfinite(make(detector="a", blend_activity=16).planes).all()


def test_luma_only():
    made, whole = make(detector="a", chroma_planes=False, tiles=True), make(detector="a", tiles=True)
    assert (made.has_chroma, whole.has_chroma) == (False, True)
    np.testing.assert_array_equal(made.planes, whole.planes[:, :1])
    np.testing.assert_array_equal(made.tiles, whole.tiles)


class Finder:
    def __init__(self):
        self.name, self.identity = "yolo", {"kind": "toy", "weights_sha256": "1"}

    def detect(self, pictures):
        self.pictures = pictures
        boxes = np.array([[8, 8, 16, 16], [0, 0, 32, 24]], np.float32)
        return [SimpleNamespace(boxes=boxes, scores=np.array([0.9, 0.4], np.float32)) for _ in pictures]


def test_roi():
    asked, finder = [], Finder()

    def load(*arguments):
        asked.append(arguments)
        return finder

    settings = ImportanceSettings("roi", "yolo", roi_qp=4, roi_score=0.5, device="cpu")
    maker = MapMaker(settings, load_detector=load)
    made = maker(FRAMES)
    maker(FRAMES)
    assert asked == [("yolo", None, "cpu")]
    want = box_map(FRAMES, [np.array([[8, 8, 16, 16]])] * 2, roi_qp=4)
    np.testing.assert_array_equal(made.planes, want.planes)
    assert made.meta == {
        "estimator": "roi", "roi_qp": 4, "roi_score": 0.5, "at": "source", "detector_name": "yolo",
        "detector": finder.identity,
    }  # fmt: skip
    assert finder.pictures[0].shape == (24, 32, 3)
    assert finder.pictures[0].max() <= 1
    wide = MapMaker(ImportanceSettings("roi", "yolo"), load_detector=load)(FRAMES)  # both boxes count
    assert (wide.planes == 4).all()
    with pytest.raises(IdseError, match="give MapMaker its load_detector"):
        MapMaker(settings)(FRAMES)


def test_networks_are_loaded_once():
    asked = []

    def load(*arguments):
        asked.append(arguments)
        return TOYS[arguments[0]]

    maker = MapMaker(ImportanceSettings(detector="a+b", target="features"), load_extractor=load)
    assert (asked, maker.load_seconds) == ([], 0)
    maker(FRAMES)
    maker(FRAMES)
    assert asked == [("a", None, "auto", ()), ("b", None, "auto", ())]
    assert min(maker.load_seconds, maker.seconds) > 0


def test_progress_over_several_detectors():
    seen = []
    MapMaker(ImportanceSettings(detector="a+b", proj_dim=2, target="features"), load_extractor=toy)(FRAMES, seen.append)
    np.testing.assert_allclose(seen, np.arange(1, 9) / 8)


def test_missing_weights():
    with pytest.raises(IdseError, match=r"absent\.pt: no such file; --weights \(in a plan: weights\) names"):
        MapMaker(ImportanceSettings(weights=Path("absent.pt")))


def test_importing_needs_no_torch():
    code = (
        "import sys, idse, idse.importance.maker\nfrom idse.importance import ImportanceSettings, MapMaker\n"
        "MapMaker(ImportanceSettings())\n"
        "sys.exit('torch' in sys.modules or 'idse.detectors' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class CertainDetector(ToyDetector):
    """A detector that finds nothing, so surely that no change of the picture moves its scores."""

    def outputs(self, rgb):
        (stage,) = super().outputs(rgb).stages
        return HeadOutputs((Candidates(stage.boxes, (stage.scores - 2000).sigmoid()),))


def test_a_picture_without_detections_has_a_map_of_its_features():
    def load(name, weights, device, nodes):
        return CertainDetector(2)

    both = MapMaker(ImportanceSettings(detector="sure", target="both"), load_extractor=load)(FRAMES)
    features = MapMaker(ImportanceSettings(detector="sure", target="features"), load_extractor=load)(FRAMES)
    assert both is not None and features is not None
    np.testing.assert_array_equal(both.planes, features.planes)
    assert both.meta == features.meta
    with pytest.raises(IdseError, match="no change of the picture moves a box or score of toy; choose --target both"):
        MapMaker(ImportanceSettings(detector="sure", target="detections"), load_extractor=load)(FRAMES)
