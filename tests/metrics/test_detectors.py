import os
from pathlib import Path

import numpy as np
import pytest

from idse.experiments.detectors import (
    INPUT_SIDE,
    Placement,
    cell_grid,
    decode_nanodet,
    decode_yolox,
    letterbox,
    load_detectors,
    suppress,
)

SHARED = Path(os.environ.get("IDSE_SHARED", Path(__file__).parents[3] / "shared"))


def test_boxes_go_to_the_input_and_back() -> None:
    placement = Placement.fit(640, 480, central=True)
    assert (placement.width, placement.height, placement.left, placement.top) == (416, 312, 0, 52)
    boxes = np.array([[0, 52, 416, 364], [-50, 0, 500, 416]], dtype=np.float32)
    assert placement.to_picture(boxes, 640, 480).tolist() == [[0, 0, 640, 480], [0, 0, 640, 480]]


def test_letterbox_places_and_swaps_channels() -> None:
    rgb = np.zeros((10, 20, 3), dtype=np.float32)
    rgb[..., 0] = 1
    tensor = letterbox(rgb, Placement.fit(20, 10, central=False), 114.0)
    assert tensor.shape == (1, 3, INPUT_SIDE, INPUT_SIDE)
    assert tensor[0, :, 0, 0].tolist() == [0, 0, 255]
    assert tensor[0, :, 208, 0].tolist() == [114, 114, 114]


def test_cells_are_row_major_by_level() -> None:
    grid, stride = cell_grid()
    assert len(grid) == 52 * 52 + 26 * 26 + 13 * 13
    assert grid[1].tolist() == [1, 0]
    assert grid[52].tolist() == [0, 1]
    assert stride[52 * 52].item() == 16


def test_yolox_box_of_a_cell() -> None:
    output = np.zeros((3549, 85), dtype=np.float32)
    output[53, :6] = [0.5, 0.25, np.log(2), np.log(4), 0.5, 0.8]
    boxes, scores = decode_yolox(output)
    assert boxes[53] == pytest.approx([12 - 8, 10 - 16, 12 + 8, 10 + 16])
    assert scores[53, 0] == pytest.approx(0.4)


def test_nanodet_box_of_a_cell() -> None:
    distributions = np.zeros((3549, 4, 8), dtype=np.float32)
    for side, distance in enumerate((1, 2, 3, 4)):
        distributions[0, side, distance] = 100
    boxes, _ = decode_nanodet(np.zeros((3549, 80), np.float32), distributions.reshape(3549, 32))
    assert boxes[0] == pytest.approx([3.5 - 8, 3.5 - 16, 3.5 + 24, 3.5 + 32])


def test_suppression_is_by_class() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [40, 40, 50, 50]], dtype=np.float32)
    scores = np.array([[0.9, 0.0], [0.8, 0.7], [0.02, 0.0]], dtype=np.float32)
    found = suppress(boxes, scores, 0.05, 0.6)
    assert sorted(zip(found.labels.tolist(), found.scores.round(2).tolist(), strict=True)) == [
        (0, pytest.approx(0.9)),
        (1, pytest.approx(0.7)),
    ]
    assert len(suppress(boxes, scores, 0.95, 0.6)) == 0


def test_detectors_find_what_is_in_a_photograph() -> None:
    pytest.importorskip("onnxruntime")
    folder = SHARED / "data" / "detectors"
    if not folder.is_dir():
        pytest.skip("no development data")
    from idse.experiments.pictures import load_photograph

    frame = load_photograph(SHARED / "data" / "coco" / "val" / "000000532481.jpg")
    for detector in load_detectors(folder):
        found = detector.observe(frame.to_rgb(as_float=True)).detections
        best = found.select(np.argsort(-found.scores)[:1])
        assert best.labels.tolist() == [33]  # kite
        assert best.scores[0] > 0.6
