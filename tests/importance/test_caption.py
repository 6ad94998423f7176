"""Captions of maps: what META says, where it was made, and META that nobody should trust."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from PIL import Image
from toy import ToyDetector, ToyExtractor, random_frame

from idse.importance.caption import caption, caption_parts, meta_of_settings, profile_words
from idse.importance.combine import combine
from idse.importance.decoded import DecodedFrames
from idse.importance.estimate import activity_map, estimate_map
from idse.importance.heatmap import caption_lines, save_heatmap
from idse.importance.maker import ImportanceSettings, MapMaker
from idse.importance.weight_map import WeightMap

FRAMES = [random_frame(32, 24), random_frame(32, 24, seed=1)]
DECODED = [random_frame(32, 24, seed=2), random_frame(32, 24, seed=3)]


def single(name="yolox_nano", target="features", rows=8, at="source", **more):
    return {
        "estimator": "jacobian", "extractor_name": name, "target": target, "proj_dim": rows, "at": at, **more
    }  # fmt: skip


def combined(*maps, blend=0.0):
    return {"estimator": "combined", "maps": list(maps), "blend_activity": blend}


PLACED = {"at": "decoded", "at_qps": [37]}


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        (single(target="detections", metric="default"), "yolox_nano: detections, l = 8"),
        (single("embedded", "both"), "embedded: features and detections, l = 8"),
        (single(target="detections", metric="fisher"), "yolox_nano: detections (metric fisher), l = 8"),
        (
            combined(
                *(single(n, t, **PLACED) for n in ("yolox_nano", "nanodet_m") for t in ("features", "detections"))
            ),
            "yolox_nano + nanodet_m: features and detections, l = 8, at the decoded picture (QP 37)",
        ),
        (
            combined(single(), single(**PLACED)),
            "yolox_nano: features, l = 8, at the source and the decoded picture (QP 37)",
        ),
        (
            single(at="decoded", at_qps=[32, 35]),
            "yolox_nano: features, l = 8, at the decoded picture (QP 32 to 35)",
        ),
        (single(at="decoded"), "yolox_nano: features, l = 8, at the decoded picture"),
        (
            combined(single("a"), single("b", "detections", 4)),
            "a: features; b: detections, l = 4 and 8",
        ),
        (combined(combined(single("a"), single("b")), blend=0.5), "a + b: features, l = 8, times activity^0.5"),
        (combined(single(), blend=1.0), "yolox_nano: features, l = 8, times activity"),
        ({"estimator": "jacobian", "extractor_name": "old", "proj_dim": 4}, "old: features, l = 4"),
        ({"estimator": "activity", "floor": 4.0}, "activity, no detector"),
        ({"estimator": "roi", "detector_name": "yolox_nano", "roi_qp": 6.0}, "yolox_nano: boxes 6 QP finer"),
        (single(profile={"kind": "own"}), "yolox_nano: features, l = 8, own profile"),
        (
            combined(single(), single("b", **PLACED)) | {"profile": {"kind": "own", "prior": 0.25}},
            "yolox_nano + b: features, l = 8, at the source and the decoded picture (QP 37), "
            "own profile with 25 % of embedded's",
        ),
        ({"estimator": "activity", "profile": {"kind": "lowpass"}}, "activity, no detector, made-up low-pass profile"),
        (
            {"estimator": "uniform", "profile": {"kind": "embedded"}},
            "uniform over the picture, no detector, embedded's mean profile",
        ),
        (
            single(profile={"kind": "file", "detector": "yolox_nano+b", "pictures": 24, "sha256": "0"}),
            "yolox_nano: features, l = 8, mean profile of yolox_nano+b over 24 pictures",
        ),
        (single(profile={"kind": "file"}), "yolox_nano: features, l = 8, profile of a file"),
        ({}, ""),
    ],
)  # fmt: skip
def test_captions(meta, said):
    assert caption(meta) == said
    assert ", ".join(caption_parts(meta)) == said


@pytest.mark.parametrize(
    "meta",
    [
        {"estimator": ["x"], "extractor_name": "a"},
        single(target=3, rows="8", at=["decoded"], metric={}),
        combined(1, None, "x", single(at="decoded", at_qps="37")),
        {"estimator": "combined", "maps": {"a": 1}, "extractor_name": "b"},
        combined(*[single(f"name{i}") for i in range(500)]),
        {"estimator": "roi", "detector_name": None, "roi_qp": "6"},
        single(name="a\x1b[2J\nb" * 1000),
    ],
)
def test_strange_meta(meta):
    said = caption(meta)
    assert said.isprintable()
    assert len(said) < 4000


def test_meta_that_contains_itself_many_times():
    meta = single()
    for _ in range(200):
        meta = combined(meta, meta)
    assert len(caption(meta)) < 200


def test_settings_say_what_their_maps_will_say():
    """The META that settings promise has the same caption as that of the maps they make."""
    toys = {"a": ToyDetector(0), "b": ToyDetector(1)}
    for name, extractor in toys.items():
        extractor.name = name
    decoded = DecodedFrames(DECODED, [37, 37])
    settings = [
        ImportanceSettings(
            detector=detector, target=target, proj_dim=2, passes=passes, at=at, blend_activity=blend, profile="none"
        )
        for detector, target, (passes, at), blend in itertools.product(
            ("a", "folder/a.onnx+b"),
            ("features", "both"),
            ((1, "both"), (2, "decoded"), (2, "both")),
            (0.0, 0.5),
        )
    ] + [ImportanceSettings("activity")]
    said = set()
    for one in settings:
        maker = MapMaker(one, load_extractor=lambda name, *_: toys["a" if "a" in name else "b"])
        meta = maker(FRAMES, decoded=decoded).meta
        said.add(caption(meta))
        assert caption(meta_of_settings(one.deciding(), 37)) == caption(meta)
    assert len(said) == len(settings)
    assert "a + b: features, l = 2, at the source and the decoded picture (QP 37), times activity^0.5" in said
    assert meta_of_settings(ImportanceSettings("none").deciding()) == {}
    roi = ImportanceSettings("roi", "folder/a.onnx", roi_qp=4)
    assert caption(meta_of_settings(roi.deciding())) == "a: boxes 4 QP finer"
    both = ImportanceSettings(detector="a", target="both", metric="scores", profile="none")
    assert caption(meta_of_settings(both.deciding())) == "a: features and detections (metric scores), l = 4"


@pytest.mark.parametrize(
    ("importance", "said"),
    [
        ({"method": "jacobian", "detector": "a"}, ""),  # of the first stores
        ({"method": "jacobian", "detector": "a", "profile": "own"}, "own profile"),
        ({"method": "jacobian", "detector": "embedded", "profile": "own"}, "embedded's mean profile"),
        (
            {"method": "jacobian", "detector": "a", "profile": "own", "profile_prior": 0.5},
            "own profile with 50 % of embedded's",
        ),
        ({"method": "activity", "profile": "own"}, ""),
        ({"method": "activity", "profile": "lowpass"}, "made-up low-pass profile"),
        ({"method": "none", "profile": "mean.json"}, "profile of a file"),
    ],
)
def test_settings_say_what_their_profiles_will_be(importance, said):
    meta = meta_of_settings(importance)
    assert profile_words(meta) == said
    assert caption(meta).endswith(said)


@pytest.mark.parametrize(
    "about",
    [None, "own", [], {}, {"kind": 3}, {"kind": "x"}, {"kind": ["own"]}, {"kind": {}, "prior": 1}, {"prior": 0.5}],
)
def test_strange_profiles_in_meta(about):
    assert profile_words({"profile": about}) == ""


def test_strange_figures_of_profiles_in_meta():
    assert profile_words({"profile": {"kind": "own", "prior": "0.5"}}) == "own profile"
    assert profile_words({"profile": {"kind": "own", "prior": float("nan")}}) == "own profile"
    strange = {"kind": "file", "detector": "a\n" * 99, "pictures": -1.5}
    words = profile_words({"profile": strange})
    assert words.isprintable()
    assert len(words) < 60


def test_where_the_jacobian_was_taken():
    source = estimate_map(FRAMES, extractor=ToyExtractor()).meta
    decoded = estimate_map(FRAMES, extractor=ToyExtractor(), at=DecodedFrames(DECODED, [37, 32])).meta
    unnamed = estimate_map(FRAMES, extractor=ToyExtractor(), at=DECODED).meta
    assert (source["at"], decoded["at"], unnamed["at"]) == ("source", "decoded", "decoded")
    assert decoded["at_qps"] == [32, 37]
    assert "at_qps" not in source.keys() | unnamed.keys()
    assert activity_map(FRAMES).meta["at"] == "source"


def test_captions_of_files(tmp_path):
    maps = [estimate_map(FRAMES, extractor=ToyExtractor()), estimate_map(FRAMES, extractor=ToyExtractor(1))]
    combined = combine(maps)
    combined.save(tmp_path / "a.idsew")
    profile = ", own profile" if combined.profiles is not None else ""
    assert caption(WeightMap.load(tmp_path / "a.idsew").meta) == f"toy: features, l = 4{profile}"


def test_captions_in_lines():
    parts = ["yolox_nano + nanodet_m: features and detections", "l = 8", "at the decoded picture (QP 37)"]
    assert caption_lines(parts, 200, len) == [", ".join(parts)]
    wrapped = caption_lines(parts, 40, len)
    assert " ".join(wrapped) == ", ".join(parts)
    assert len(wrapped) > 1
    for width in range(1, 100):
        lines = caption_lines(parts, width, len)
        assert all(len(line) <= width for line in lines)
        assert len(lines) <= 3
        assert " ".join(lines) in ["", *(", ".join(parts[:n]) for n in (1, 2, 3))]
    assert caption_lines(parts, 20, len) == ["yolox_nano +", "nanodet_m: features", "and detections"]
    assert caption_lines(["\u4e00"], 20, len) == ["?"]
    assert caption_lines([], 20, len) == []


@pytest.mark.parametrize(("width", "lines"), [(640, 1), (200, 2), (12, 0)])
def test_the_heat_map_has_its_caption(tmp_path, width, lines):
    frame = random_frame(width, 24)
    item = estimate_map([frame], extractor=ToyExtractor(), at=DecodedFrames([frame], [37]))
    item = dataclasses.replace(item, profiles=None)
    plain = WeightMap(item.width, item.height, item.log2_unit, item.planes)
    save_heatmap(item, frame, tmp_path / "named.png")
    save_heatmap(plain, frame, tmp_path / "plain.png")
    named, plain = (np.asarray(Image.open(tmp_path / f"{n}.png")) for n in ("named", "plain"))
    np.testing.assert_array_equal(named[: len(plain)], plain)
    more = named[len(plain) :]
    assert len(more) == 14 * lines
    for line in np.split(more, lines) if lines else []:
        assert line.max() > 200  # white letters
        assert line[:, -1].max() == 0  # that end before the border
