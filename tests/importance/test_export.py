"""Shaping, the ROI file and the heat map."""

from __future__ import annotations

import dataclasses
import itertools
import struct

import numpy as np
import pytest
from PIL import Image
from toy import ToyExtractor, random_frame

from idse.errors import IdseError
from idse.importance.estimate import activity_map, estimate_map
from idse.importance.heatmap import save_heatmap
from idse.importance.profile_picture import cells, least_width, plane_names
from idse.importance.roi import delta_qps, write_roi
from idse.importance.shaping import profile_weights, shape_frame, shape_plane, shape_profile
from idse.importance.weight_map import WeightMap


def test_shaping():
    plane = np.random.default_rng(0).gamma(0.5, size=(20, 30))
    weights = shape_plane(plane, plane.mean(), 0.2, 0.5, 6.0)
    assert np.exp(np.log(weights).mean()) == pytest.approx(1, abs=0.02)
    assert weights.max() <= 4 + 1e-9
    assert weights.min() >= 0.25 - 1e-9
    order = np.argsort(plane.ravel())
    assert (np.diff(weights.ravel()[order]) >= 0).all()
    for tau, exponent in [(np.inf, 1.0), (0.0, 0.0)]:
        assert (shape_plane(plane, plane.mean(), tau, exponent) == 1).all()
    assert (shape_plane(np.full((3, 3), 0.3), 0.3) == 1).all()


def test_shaping_keeps_chroma_ratio():
    luma = np.random.default_rng(0).gamma(2.0, size=(9, 9))
    _, gains = shape_frame(np.stack([luma, 4 * luma, 9 * luma]), tau=0, exponent=0.5)
    np.testing.assert_allclose(gains, [2, 3])


@pytest.mark.parametrize("change", [{"tau": -1}, {"exponent": float("nan")}, {"clip_qp": -1}])
def test_shaping_errors(change):
    with pytest.raises(IdseError, match="must be 0 or more"):
        shape_plane(np.ones((2, 2)), 1.0, **change)


def test_shaping_of_profiles():
    profile = np.full((8, 8), 0.25, np.float32)
    profile[:3, :3] = 4  # their mean is 4: relative to it the others are 1/16
    profile[0, 0], profile[2, 2] = 6, 2
    h = shape_profile(profile, 1.0)
    assert (h[0, 0], h[1, 1], h[2, 2], h[7, 7]) == (1.5, 1, 0.5, 0.0625)
    np.testing.assert_array_equal(shape_profile(profile * 100, 1.0), h)  # its scale has no meaning
    assert shape_profile(profile)[7, 7] == 0.125  # gamma 0.75
    assert shape_profile(profile, 2.0)[7, 7] == 1 / 256  # the floor, which is what 16^-2 is, too
    assert shape_profile(profile, 2.0, floor=1 / 4096)[7, 7] == 1 / 256
    assert shape_profile(profile, 1.0, floor=0.5).min() == 0.5
    profile[4, 0] = 0
    assert shape_profile(profile, 1.0)[4, 0] == 1 / 256
    profile[0, 4] = 4000  # p / 4 is 1000
    assert shape_profile(profile, 1.0)[0, 4] == 16
    assert (shape_profile(profile, 0.0) == 1).all()


def test_profiles_for_other_sizes_of_transforms():
    h = shape_profile(np.exp(-0.28 * np.add.outer(np.arange(8.0), np.arange(8))), 0.5)
    np.testing.assert_allclose(profile_weights(h, 8, 8), h, rtol=1e-12)
    g = np.outer(np.arange(1.0, 9), np.arange(1.0, 9))  # of gain 1 at (0, 0) and 64 at (7, 7)
    four = np.sqrt(profile_weights(g**2, 4, 4))
    np.testing.assert_allclose(four[0], 1.5 * np.array([1.5, 3.5, 5.5, 7.5]))  # u = 0.5, 2.5, 4.5, 6.5
    np.testing.assert_allclose(four[:, 3], 7.5 * np.array([1.5, 3.5, 5.5, 7.5]))
    wide = np.sqrt(profile_weights(g**2, 16, 2))
    assert wide.shape == (2, 16)
    # v = 1.5 and 5.5; u = -0.25, which becomes 0, then 0.25, 0.75, .., 6.75 and 7.25, which becomes 7
    np.testing.assert_allclose(wide[:, 0], [2.5, 6.5])
    np.testing.assert_allclose(wide[0, 1:3], 2.5 * np.array([1.25, 1.75]))
    np.testing.assert_allclose(wide[1, 14:], 6.5 * np.array([7.75, 8]))
    assert profile_weights(g**2, 1, 1) == pytest.approx(4.5**4)  # u = v = 3.5
    assert profile_weights(h, 64, 32).shape == (32, 64)
    assert (profile_weights(np.ones((8, 8)), 64, 4) == 1).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gamma": 2.1}, r"gamma 2.1: must be 0\.\.2"),
        ({"gamma": float("nan")}, "gamma nan"),
        ({"floor": 0.0}, r"profile floor 0.0: must be 1/4096\.\.1"),
        ({"profile": np.ones((4, 4))}, "must be .8, 8."),
        ({"profile": np.zeros((8, 8))}, "all zero at the lowest frequencies"),
    ],
)
def test_profiles_that_cannot_be_shaped(change, words):
    with pytest.raises(IdseError, match=words):
        shape_profile(**{"profile": np.ones((8, 8)), **change})


def halves():
    """Two blocks of 64x64, the right one worth 2^4 of the left."""
    luma = np.ones((1, 1, 8, 16), np.float32)
    luma[..., 8:] = 16
    return WeightMap(128, 64, 3, luma)


def test_roi_values():
    assert delta_qps(halves(), tau=0, exponent=1).tolist() == [[[6, -6]]]
    assert delta_qps(halves(), tau=0, exponent=0.5).tolist() == [[[3, -3]]]
    assert delta_qps(halves(), tau=0, exponent=1, clip_qp=2).tolist() == [[[2, -2]]]


def test_roi_files(tmp_path):
    item = WeightMap(130, 64, 3, np.repeat(np.ones((1, 1, 8, 17), np.float32), 2, 0))
    write_roi(item, tmp_path / "roi.txt")
    numbers = list(map(int, (tmp_path / "roi.txt").read_text().split()))
    assert numbers == [3, 1, 0, 0, 0] * 2
    write_roi(halves(), tmp_path / "roi.bin", tau=0, exponent=1)
    assert (tmp_path / "roi.bin").read_bytes() == struct.pack("<2i2b", 2, 1, 6, -6)
    with pytest.raises(IdseError, match="cannot write the ROI file"):
        write_roi(halves(), tmp_path / "no" / "roi.txt")
    with pytest.raises(IdseError, match="multiple of the map's unit"):
        write_roi(halves(), tmp_path / "roi.txt", block=12)
    with pytest.raises(IdseError, match="at most 10000"):
        fine = WeightMap(20000, 1, 0, np.ones((1, 1, 1, 20000), np.float32))
        write_roi(fine, tmp_path / "roi.txt", block=1)


def test_heatmap(tmp_path):
    frame = random_frame(70, 50)
    item = dataclasses.replace(estimate_map([frame, frame], extractor=ToyExtractor()), profiles=None)
    save_heatmap(item, frame, tmp_path / "map.png", frame_index=1)
    with Image.open(tmp_path / "map.png") as picture:
        assert picture.size[0] == 70
        assert picture.size[1] > 50
        assert picture.mode == "RGB"
    save_heatmap(activity_map([frame]), frame, tmp_path / "activity.png")
    with pytest.raises(IdseError, match="no frame 2"):
        save_heatmap(item, frame, tmp_path / "x.png", frame_index=2)
    with pytest.raises(IdseError, match="for pictures of 70x50"):
        save_heatmap(item, random_frame(8, 8), tmp_path / "x.png")
    with pytest.raises(IdseError, match="cannot write the heat map"):
        save_heatmap(item, frame, tmp_path / "no" / "x.png")


def falling(*decays: float):
    """Profiles that fall by these exponents with every step of frequency."""
    steps = np.add.outer(np.arange(8.0), np.arange(8))
    return np.stack([np.exp(-d * steps) for d in decays]).astype(np.float32)


def runs(row):
    """Colours of a row of samples without the black around them, each as often as samples have it in sequence."""
    changes = np.flatnonzero((np.diff(row.astype(int), axis=0) != 0).any(1))
    starts = [0, *(changes + 1).tolist(), len(row)]
    return [(tuple(row[a]), b - a) for a, b in itertools.pairwise(starts) if row[a].any()]


@pytest.mark.parametrize(
    ("width", "height", "planes", "size", "cell"),
    [
        (640, 480, 3, 640, 23),
        (640, 480, 1, 640, 24),
        (96, 64, 3, 384, 12),  # enlarged four times
        (64, 800, 3, 302, 9),  # too tall for that: centred
        (1920, 1080, 3, 1920, 48),  # letters and cells of twice the size
    ],
)
def test_heatmap_with_profiles(tmp_path, width, height, planes, size, cell):
    frame = random_frame(width, height)
    item = WeightMap(width, height, 5, activity_map([frame, frame], log2_unit=5).planes)
    profiles = np.stack([falling(0.1, 0.3, 0.5)[:planes], falling(0.2, 0.4, 0.6)[:planes]])
    item = dataclasses.replace(item, profiles=profiles)
    save_heatmap(item, frame, tmp_path / "map.png", frame_index=1)
    drawn = np.asarray(Image.open(tmp_path / "map.png"))
    assert drawn.shape[1] == size
    wanted = [cells(p) for p in profiles[1]]
    there = [row for row in drawn if runs(row)[: 8 * planes] == [(tuple(c), cell) for t in wanted for c in t[0]]]
    assert 2 <= len(there) <= cell  # rows of the first cells but for those with the axis' digit on their left
    below = drawn[height:].reshape(-1, 3)
    for table in wanted:
        for colour in table.reshape(-1, 3):
            assert (below == colour).all(1).sum() >= cell * cell


def test_colours_of_a_profile():
    profile = np.full((8, 8), 1.0)
    assert (cells(profile) == cells(profile)[0, 0]).all()
    assert (cells(profile * 7) == cells(profile)).all()  # its scale has no meaning
    profile[7, 7], profile[6, 6] = 1 / 256, 4
    low, high = cells(profile)[7, 7], cells(profile)[6, 6]
    profile[7, 7], profile[6, 6] = 0, 1000
    assert (cells(profile)[7, 7] == low).all()
    assert (cells(profile)[6, 6] == high).all()
    assert low.sum() < 100 < 600 < high.sum()


def test_names_of_planes():
    luma, both = np.ones((1, 1, 2, 2), np.float32), np.ones((1, 3, 2, 2), np.float32)
    one, three = falling(0.1)[None], falling(0.1, 0.2, 0.3)[None]
    assert plane_names(WeightMap(16, 16, 3, luma)) == ()
    assert plane_names(WeightMap(16, 16, 3, luma, profiles=one)) == ("Y",)
    assert plane_names(WeightMap(16, 16, 3, luma, profiles=three)) == ("Y", "Cb", "Cr")
    assert plane_names(WeightMap(16, 16, 3, both, profiles=one)) == ("Y, Cb and Cr",)
    assert least_width(3) == 302
