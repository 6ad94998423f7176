"""What goes into an ONNX detector, and what its outputs mean."""

import numpy as np
import pytest
import torch

pytest.importorskip("onnx")
pytest.importorskip("torchvision")

from idse.detectors.onnx import letterbox, suppress
from idse.features.layouts import LAYOUTS, Head, Layout, cell_grid

YOLOX, NANODET, YOLOV8 = LAYOUTS["yolox"], LAYOUTS["nanodet"], LAYOUTS["yolov8"]
SIDE = (416, 416)
CELLS = 52 * 52 + 26 * 26 + 13 * 13


def test_boxes_go_to_the_input_and_back() -> None:
    placement = NANODET.preprocess(SIDE).placement(640, 480, exact_ratio=True)
    assert (placement.width, placement.height, placement.left, placement.top) == (416, 312, 0, 52)
    boxes = np.array([[0, 52, 416, 364], [-50, 0, 500, 416]], dtype=np.float32)
    assert placement.to_picture(boxes, 640, 480).tolist() == [[0, 0, 640, 480], [0, 0, 640, 480]]


def test_letterbox_places_and_swaps_channels() -> None:
    rgb = np.zeros((10, 20, 3), dtype=np.float32)
    rgb[..., 0] = 1
    bgr = YOLOX.preprocess(SIDE)
    tensor = letterbox(rgb, bgr.placement(20, 10, exact_ratio=True), bgr)
    assert tensor[:, 0, 0].tolist() == [0, 0, 255]
    assert tensor[:, 208, 0].tolist() == [114, 114, 114]
    plain = YOLOV8.preprocess((64, 32))
    tensor = letterbox(rgb, plain.placement(20, 10, exact_ratio=True), plain)
    assert tensor[:, 24, 0].tolist() == [1, 0, 0]
    assert tensor[:, 0, 0] == pytest.approx(114 / 255)


def test_heads_are_read_from_shapes() -> None:
    head = YOLOX.head(SIDE, [(CELLS, 85)], 80)
    assert head == Head(SIDE, (8, 16, 32), 80)
    assert YOLOX.head((640, 640), [(8400, 85)], 80) == Head((640, 640), (8, 16, 32), 80)
    assert YOLOX.head((1280, 1280), [(25600 + 6400 + 1600 + 400, 11)], 80) == Head(
        (1280, 1280), (8, 16, 32, 64), 6
    )
    assert YOLOX.head((640, 640), [(25200, 85)], 80) is None  # three anchors a cell: YOLOv5
    assert YOLOV8.head((640, 640), [(84, 8400)], 80) == Head((640, 640), (8, 16, 32), 80)
    levels = [52 * 52, 26 * 26, 13 * 13]
    shapes = [(n, 80) for n in levels] + [(n, 32) for n in levels]
    assert NANODET.head(SIDE, shapes, 80) == Head(SIDE, (8, 16, 32), 80, 8)
    assert NANODET.head(SIDE, shapes[:5], 80) is None
    # Either may be the scores: their number decides.
    assert NANODET.head(SIDE, shapes, 32) == Head(SIDE, (8, 16, 32), 32, 20, swapped=True)


def test_cells_are_row_major_by_level() -> None:
    grid, stride = cell_grid(Head((416, 208), (8, 16), 1))
    assert len(grid) == 52 * 26 + 26 * 13
    assert grid[1].tolist() == [1, 0]
    assert grid[26].tolist() == [0, 1]
    assert stride[52 * 26].item() == 16


def decoded(layout: Layout, head: Head, outputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    read = layout.decode(head, [torch.from_numpy(output) for output in outputs])
    return read.boxes.numpy(), read.scores.numpy()


def test_yolox_box_of_a_cell() -> None:
    output = np.zeros((CELLS, 85), dtype=np.float32)
    output[53, :6] = [0.5, 0.25, np.log(2), np.log(4), 0.5, 0.8]
    boxes, scores = decoded(YOLOX, Head(SIDE, (8, 16, 32), 80), [output])
    assert boxes[53] == pytest.approx([12 - 8, 10 - 16, 12 + 8, 10 + 16])
    assert scores[53, 0] == pytest.approx(0.4)


def test_boxes_already_in_samples() -> None:
    row = np.array([[20, 30, 8, 4, 0.5, 0.8, 0.1]], dtype=np.float32)
    boxes, scores = decoded(LAYOUTS["yolox_decoded"], Head(SIDE, (), 2), [row])
    assert boxes.tolist() == [[16, 28, 24, 32]]
    assert scores[0] == pytest.approx([0.4, 0.05])
    boxes, scores = decoded(YOLOV8, Head(SIDE, (), 3), [row.T])
    assert boxes.tolist() == [[16, 28, 24, 32]]
    assert scores[0] == pytest.approx([0.5, 0.8, 0.1])


def test_nanodet_box_of_a_cell() -> None:
    head = Head((16, 16), (8,), 2, 6)
    distributions = np.zeros((4, 4, 6), dtype=np.float32)
    for side, distance in enumerate((1, 2, 3, 4)):
        distributions[0, side, distance] = 100
    outputs = [np.array([[0.1, 0.2]] * 4, np.float32), distributions.reshape(4, 24)]
    boxes, scores = decoded(NANODET, head, outputs)
    assert boxes[0] == pytest.approx([3.5 - 8, 3.5 - 16, 3.5 + 24, 3.5 + 32])
    assert scores[0] == pytest.approx([0.1, 0.2])
    swapped = decoded(NANODET, Head((16, 16), (8,), 2, 6, swapped=True), outputs[::-1])
    assert np.array_equal(swapped[0], boxes)


def test_suppression_is_by_class() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [40, 40, 50, 50]], dtype=np.float32)
    scores = np.array([[0.9, 0.0], [0.8, 0.7], [0.02, 0.0]], dtype=np.float32)
    found = suppress(boxes, scores, 0.05, 0.6)
    assert sorted(zip(found.labels.tolist(), found.scores.round(2).tolist(), strict=True)) == [
        (0, pytest.approx(0.9)),
        (1, pytest.approx(0.7)),
    ]
    assert len(suppress(boxes, scores, 0.95, 0.6)) == 0
