"""The options of `encode` and `map` that say how the map is made."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from idse.cli.main import main
from idse.importance.caption import profile_words
from idse.importance.combine import combine
from idse.importance.estimate import activity_map
from idse.importance.maker import ImportanceSettings, MapMaker
from idse.importance.profile import MeanProfile, lowpass
from idse.importance.weight_map import WeightMap
from idse.media.io import read_frames

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("detectors", "features")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photograph: np.ndarray) -> Path:
    """A picture of 96x64."""
    Image.fromarray(np.ascontiguousarray(photograph[40:104, 100:196])).save(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def toy(folder: Path) -> str:
    """A detector with random weights."""
    toys = pytest.importorskip("toys", reason="ONNX is not installed")
    return str(toys.yolox(folder / "toy.onnx", classes=80))


def drawn(*options: str) -> WeightMap:
    """What `idse map` writes."""
    assert main(["map", "a.png", *options]) == 0
    return WeightMap.load("a.idsew")


def encoded(capfd: Any, *options: str) -> dict[str, Any]:
    """The figures of `idse encode`."""
    capfd.readouterr()
    assert main(["encode", "a.png", "--preset", "0", "--json", *options]) == 0
    figures: dict[str, Any] = json.loads(capfd.readouterr().out)
    return figures


def test_maps_of_several_detectors(toy: str) -> None:
    frames = read_frames(Path("a.png"))
    single = [
        MapMaker(ImportanceSettings(detector=name, target=target))(frames)
        for name, target in (("embedded", "both"), (toy, "features"), (toy, "detections"))
    ]
    want = combine([m for m in single if m is not None])
    for options in (["--detector", "embedded", "--detector", toy], ["--detector", f"embedded+{toy}"]):
        made = drawn(*options)
        np.testing.assert_array_equal(made.planes, want.planes)
        assert [m["extractor_name"] for m in made.meta["maps"]] == ["embedded", "toy", "toy"]
        assert [m["target"] for m in made.meta["maps"]] == ["both", "features", "detections"]


def test_blend_and_chroma(folder: Path) -> None:
    frames = read_frames(Path("a.png"))
    plain = drawn()
    want = combine([plain], activity=activity_map(frames), blend_activity=1.0)
    np.testing.assert_array_equal(drawn("--blend-activity", "1").planes, want.planes)
    np.testing.assert_array_equal(drawn("--luma-only").planes, plain.planes[:, :1])
    np.testing.assert_array_equal(drawn("--chroma-planes").planes, plain.planes)


def test_level_norm(toy: str) -> None:
    options = ("--detector", toy, "--target", "features", "--level-norm")
    made = [drawn(*options, norm) for norm in ("none", "mean", "energy")]
    assert [m.meta["level_norm"] for m in made] == ["none", "mean", "energy"]
    assert not np.array_equal(made[0].planes, made[1].planes)


def test_the_mean_profile_of_pictures(toy: str, photograph: np.ndarray, capfd: Any) -> None:
    """Of a file and a folder; each picture's tables count alike."""
    Path("more").mkdir()
    for k in range(2):
        part = photograph[40 + 30 * k : 104 + 30 * k, 100 : 180 + 16 * k]
        Image.fromarray(np.ascontiguousarray(part)).save(f"more/{k}.png")
    capfd.readouterr()
    options = ["--detector", toy, "--target", "features"]
    assert main(["map", "a.png", "more", "--profile", "p.json", "--json", *options]) == 0
    figures = json.loads(capfd.readouterr().out)
    assert (figures["pictures"], figures["planes"], figures["left_out"]) == (3, 3, 0)
    assert not Path("a.idsew").exists()
    maker = MapMaker(ImportanceSettings(detector=toy, target="features"))
    made = [maker(read_frames(Path(name))) for name in ("a.png", "more/0.png", "more/1.png")]
    tables = [m.profiles[0] / m.profiles[0].mean((1, 2), keepdims=True) for m in made]  # type: ignore[union-attr]
    read = MeanProfile.load("p.json")
    np.testing.assert_allclose(read.tables, np.mean(tables, 0), rtol=1e-4, atol=1e-5)
    assert (read.pictures, read.detector, read.target) == (3, "toy", "features")
    used = drawn("--importance", "none", "--use-profile", "p.json")
    assert used.profiles is not None and (used.planes == 1).all()
    np.testing.assert_array_equal(used.profiles[0], read.tables)
    assert used.meta["profile"]["sha256"] == read.sha256


def test_a_bad_picture_of_a_folder_does_not_stop_the_mean_profile(toy: str, capfd: Any) -> None:
    Path("mixed").mkdir()
    Path("mixed/a.png").write_bytes(Path("a.png").read_bytes())
    Path("mixed/b.png").write_bytes(b"no picture")
    Path("mixed/c.png").write_bytes(Path("a.png").read_bytes())
    options = ["--detector", toy, "--target", "features"]
    capfd.readouterr()
    assert main(["map", "mixed", "--profile", "p.json", *options]) == 2
    said = capfd.readouterr()
    assert "profile of 2 picture(s)" in said.out
    assert "mixed/b.png" in said.err
    assert said.err.rstrip().endswith("idse: error: 1 of 3 pictures could not be used: b.png")
    assert MeanProfile.load("p.json").pictures == 2
    assert main(["map", "a.png", "mixed/b.png", "--profile", "q.json", *options]) == 2  # it was named
    assert not Path("q.json").exists()


def test_the_profile_of_a_map(toy: str) -> None:
    made = drawn("--detector", toy, "--use-profile", "lowpass")
    np.testing.assert_array_equal(made.profiles, lowpass()[None])
    assert drawn("--detector", toy, "--use-profile", "none").profiles is None
    own, mixed = (drawn("--detector", toy, "--profile-prior", share) for share in ("0", "0.5"))
    assert own.profiles is not None and mixed.profiles is not None
    assert not np.allclose(own.profiles, mixed.profiles, rtol=0.01)


def test_boxes(toy: str, capfd: Any) -> None:
    made = drawn("--importance", "roi", "--detector", toy, "--roi-qp", "3", "--roi-score", "0.1")
    about = made.meta.pop("detector")
    assert made.meta == {
        "estimator": "roi", "roi_qp": 3.0, "roi_score": 0.1, "at": "source", "detector_name": "toy"
    }  # fmt: skip
    assert about["kind"] == "onnx"
    assert len(about["weights_sha256"]) == 64
    assert set(np.unique(made.planes)) <= {1.0, 2.0}
    none = drawn("--importance", "roi", "--detector", toy, "--roi-score", "1")
    assert (none.planes == 1).all()

    roi = ("--importance", "roi", "--detector", toy)
    settings = encoded(capfd, *roi, "--verify")["provenance"]["settings"]
    assert (settings["tau"], settings["exponent"], settings["clip_qp"]) == (0, 1, 12)
    settings = encoded(capfd, *roi, "--tau", "0.2", "--clip-qp", "6")["provenance"]["settings"]
    assert (settings["tau"], settings["exponent"], settings["clip_qp"]) == (0.2, 1, 6)  # as given
    settings = encoded(capfd)["provenance"]["settings"]
    assert (settings["tau"], settings["exponent"], settings["clip_qp"]) == (0.2, 0.5, 6)


def test_boxes_in_a_roi_file(toy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`idse map --roi` shapes boxes as `encode` does: the difference in the file is the one asked for."""
    monkeypatch.setattr(MapMaker, "_make", lambda self, *arguments: two_blocks(96, 64))
    drawn("--importance", "roi", "--detector", toy, "--roi", "a.txt")
    low, high = (int(v) for v in Path("a.txt").read_text().splitlines()[1].split())
    assert low - high == 6


def two_blocks(width: int, height: int) -> WeightMap:
    """Weight 4 (6 QP) in the right block of 64x64, 1 in the left."""
    planes = np.ones((1, 1, height // 8, width // 8), np.float32)
    planes[..., 8:] = 4
    return WeightMap(width, height, 3, planes)


def test_info_says_what_a_map_is_of(toy: str, capfd: Any) -> None:
    options = ("--detector", toy, "--target", "both", "--passes", "2", "--qp", "36", "--proj-dim", "2", "--tiles")
    made = drawn(*options, "--heatmap", "a-heat.png")
    assert [(m["target"], m["at"], m.get("at_qps")) for m in made.meta["maps"]] == [
        (target, at, qps)
        for target in ("features", "detections")
        for at, qps in (("source", None), ("decoded", [37]))
    ]
    said = "toy: features and detections, l = 2, at the source and the decoded picture (QP 37)"
    profile = profile_words(made.meta)
    said += f", {profile}" if profile else ""
    capfd.readouterr()
    assert main(["info", "a.idsew"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[:3] == [
        f"map of    {said}",
        "size      96x64",
        "weights   1 x 12x8 of 8x8 samples, luma, Cb and Cr",
    ]
    assert lines[3] == "tiles     factors of 8 rows"
    more = [line.split()[:2] for line in lines[4:-1]]
    assert more[made.profiles is not None :] == [["network", "toy"]]  # once, though it is in four maps
    assert lines[-1] == f"{Path('a.idsew').stat().st_size} bytes"
    assert main(["info", "a.idsew", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["caption"], told["rows"], told["columns"], told["chroma"]) == (said, 8, 12, True)
    assert told["provenance"] == made.meta
    assert main(["map", "a.png", *options, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["caption"] == said
    with Image.open("a-heat.png") as picture:
        assert picture.width == (96 if made.profiles is None else 384)
        assert picture.height > 64 + 22


def with_profile(weights: WeightMap, meta: dict[str, Any]) -> WeightMap:
    """The map with profiles whose highest 3x3 frequencies weigh 1/4, 1/16 and 0 of the lowest in Y, Cb and Cr."""
    profiles = np.ones((1, 3, 8, 8), np.float32)
    for plane, weight in enumerate((1 / 4, 1 / 16, 0)):
        profiles[0, plane, 5:, 5:] = weight
    return dataclasses.replace(weights, profiles=profiles, meta=meta)


def test_the_profile_that_was_used(folder: Path, capfd: Any) -> None:
    about = {"kind": "own", "prior": 0.25}
    with_profile(two_blocks(96, 64), {"estimator": "activity", "profile": about}).save("p.idsew")
    two_blocks(96, 64).save("b.idsew")
    assert main(["info", "p.idsew"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == "map of    activity, no detector, own profile with 25 % of embedded's"
    assert lines[3] == (
        "profile   own profile with 25 % of embedded's; "
        "the highest 3x3 frequencies weigh 0.25 (Y), 0.0625 (Cb), 0 (Cr)"
    )
    assert main(["info", "p.idsew", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["profile"], told["profile_planes"]) == (about, 3)
    assert main(["info", "b.idsew", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["profile"], told["profile_planes"]) == (None, 0)
    for options, gamma, tuning in (
        ((), 0.75, "balanced"),
        (("--tuning", "machine"), 1.5, "machine"),
        (("--gamma", "0.7"), 0.7, None),
    ):
        told = encoded(capfd, "--map-in", "p.idsew", *options)
        assert (told["profile"], told["gamma"], told["tuning"]) == (about, gamma, tuning)
        assert told["provenance"]["settings"]["gamma"] == gamma
    for options in (("--map-in", "b.idsew"), ("--importance", "none")):
        told = encoded(capfd, *options, "--tuning", "machine")
        assert (told["profile"], told["gamma"], told["tuning"]) == (None, None, None)


def test_options_without_effect_are_named(folder: Path, capfd: Any) -> None:
    two_blocks(96, 64).save("b.idsew")
    with_profile(two_blocks(96, 64), {}).save("p.idsew")
    none = ("--map-in", "b.idsew")
    for options, said in (
        ((*none, "--tuning", "machine"), "--tuning has no effect: the map has no frequency profile"),
        (("--importance", "none", "--scaling-lists", "on"), "--scaling-lists has no effect: the map has no"),
        ((*none, "--tuning", "fidelity"), ""),
        (none, ""),
        (("--map-in", "p.idsew", "--tuning", "machine"), ""),
    ):
        assert main(["encode", "a.png", "--preset", "0", *options]) == 0
        told = capfd.readouterr().err
        assert said in told
        assert said or "no effect" not in told


def test_gamma_is_told_where_the_profile_acts(folder: Path, capfd: Any) -> None:
    with_profile(two_blocks(96, 64), {}).save("p.idsew")  # made in Python: META says nothing of the profile
    assert encoded(capfd, "--map-in", "p.idsew")["gamma"] == 0.75
    told = encoded(capfd, "--map-in", "p.idsew", "--frequency-scope", "none")
    assert (told["gamma"], told["tuning"]) == (None, None)


def test_a_mean_profile_of_colour_and_grey_names_the_picture(folder: Path, capfd: Any) -> None:
    Image.new("L", (64, 64), 90).save("grey.png")
    assert main(["map", "a.png", "grey.png", "--profile", "x.json", "--proj-dim", "1"]) == 2
    assert "idse: error: grey.png: pictures with and without chroma have no common" in capfd.readouterr().err
    assert not Path("x.json").exists()


@pytest.mark.parametrize(
    "option",
    [
        ("--tuning", "balanced"),
        ("--gamma", "0.5"),
        ("--profile", "none"),
        ("--profile-prior", "0"),
        ("--frequency-scope", "all"),
        ("--scaling-lists", "auto"),
    ],
)
def test_engines_without_weights_refuse_weights_over_frequency(
    folder: Path, capfd: Any, option: tuple[str, str]
) -> None:
    """Also at their default: whoever names them expects an effect."""
    assert main(["encode", "a.png", "--engine", "jpeg", "--qp", "50", *option]) == 2
    line = f"idse: error: {option[0]}: the jpeg engine takes no weights; leave it out\n"
    assert capfd.readouterr().err == line
    assert sorted(p.name for p in folder.iterdir()) == ["a.png"]


def test_info_of_a_map_of_unknown_origin(folder: Path, capfd: Any) -> None:
    two_blocks(96, 64).save("b.idsew")
    assert main(["info", "b.idsew"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == "map of    unknown origin: its META does not say what it is of"
    assert "luma only" in lines[2]
    Path("b.idsew").write_bytes(Path("b.idsew").read_bytes()[:40])
    assert main(["info", "b.idsew"]) == 2
    assert "b.idsew: the weight map is truncated" in capfd.readouterr().err
