"""Shaping, the ROI file and the heat map."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image
from toy import ToyExtractor, random_frame

from idse.errors import IdseError
from idse.importance.estimate import activity_map, estimate_map
from idse.importance.heatmap import save_heatmap
from idse.importance.roi import delta_qps, write_roi
from idse.importance.shaping import shape_frame, shape_plane
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
    item = estimate_map([frame, frame], extractor=ToyExtractor())
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
