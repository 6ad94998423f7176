"""Small ONNX detectors with random weights: as YOLOX, NanoDet and YOLOv8 are exported, and one that names outputs."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
from onnx_models import Builder

SIZE = (64, 96)
STRIDES = (8, 16, 32)


def _levels(b: Builder, channels: int) -> list[str]:
    """A backbone on a stem that gathers neighbours (YOLOX's Focus), and its maps at strides 8, 16, 32."""
    b.const("steps", [2, 2])
    b.const("axes", [2, 3])
    b.const("end", [10000, 10000])
    for row in (0, 1):
        for column in (0, 1):
            b.const(f"start{row}{column}", [row, column])
            inputs = ["picture", f"start{row}{column}", "end", "axes", "steps"]
            b.op("Slice", inputs, f"part{row}{column}", 3)
    x = b.op("Concat", ["part00", "part10", "part01", "part11"], "focus", 12, axis=1)
    x = b.conv(b.conv(x, "stem", 4), "s4", 6, 2)
    levels = []
    for stride in STRIDES:
        x = b.conv(x, f"s{stride}", 8, 2)
        levels.append(b.conv(x, f"f{stride}", channels + stride))  # unlike channels: here the pyramid ends
    return levels


def _rows(b: Builder, source: str, channels: int, output: str) -> str:
    flat = b.op("Reshape", [source, b.const(f"{output}.shape", [0, channels, -1])], f"{output}.flat")
    return b.op("Transpose", [flat], output, perm=[0, 2, 1])


def yolox(path: Path, classes: int = 3, batch: object = 1, decoded: bool = False) -> Path:
    """One output `[cells, 5 + classes]`."""
    b = Builder()
    heads = []
    for stride, level in zip(STRIDES, _levels(b, 8), strict=True):
        shared = b.conv(level, f"h{stride}", 6)
        box = b.conv(shared, f"box{stride}", 4)
        seen = b.op("Sigmoid", [b.conv(shared, f"obj{stride}", 1) + ".c"], f"obj{stride}.s", 1)
        kind = b.op("Sigmoid", [b.conv(shared, f"cls{stride}", classes) + ".c"], f"cls{stride}.s", classes)
        heads.append(b.op("Concat", [box, seen, kind], f"head{stride}", 5 + classes, axis=1))
    rows = [_rows(b, head, 5 + classes, f"rows{i}") for i, head in enumerate(heads)]
    out = b.op("Concat", rows, "detections", axis=1)
    if decoded:
        # Of the shape and kind of what the real export does; the centre is not placed on the grid.
        for name, start, end in (("centre", 0, 2), ("size", 2, 4), ("rest", 4, 99)):
            ends = [b.const(f"{name}.{i}", [v]) for i, v in enumerate((start, end, 2))]
            b.op("Slice", [out, *ends], name)
        out = b.op("Concat", ["centre", b.op("Exp", ["size"], "grown"), "rest"], "boxes", axis=2)
    return _saved(b, path, [out], batch)


def nanodet(path: Path, classes: int = 5, bins: int = 8, swapped: bool = False) -> Path:
    """Per level scores and distributions."""
    b = Builder()
    scores, distances = [], []
    for stride, level in zip(STRIDES, _levels(b, 8), strict=True):
        shared = b.conv(level, f"h{stride}", 6)
        kind = b.op("Sigmoid", [b.conv(shared, f"cls{stride}", classes) + ".c"], f"cls{stride}.s", classes)
        scores.append(_rows(b, kind, classes, f"scores{stride}"))
        distances.append(_rows(b, b.conv(shared, f"box{stride}", 4 * bins), 4 * bins, f"distances{stride}"))
    return _saved(b, path, distances + scores if swapped else scores + distances, 1)


def yolov8(path: Path, classes: int = 3) -> Path:
    """One output `[4 + classes, cells]`."""
    b = Builder()
    rows = []
    for stride, level in zip(STRIDES, _levels(b, 8), strict=True):
        shared = b.conv(level, f"h{stride}", 6)
        kind = b.op("Sigmoid", [b.conv(shared, f"cls{stride}", classes) + ".c"], f"cls{stride}.s", classes)
        head = b.op("Concat", [b.conv(shared, f"box{stride}", 4), kind], f"head{stride}", 4 + classes, axis=1)
        shape = b.const(f"shape{stride}", [0, 4 + classes, -1])
        rows.append(b.op("Reshape", [head, shape], f"rows{stride}"))
    return _saved(b, path, [b.op("Concat", rows, "output0", axis=2)], 1)


def named(
    path: Path, classes: int = 3, *, rows: bool = True, declared: dict[str, object] | None = None
) -> Path:
    """Logits of scores and relative boxes in two tensors, inside a graph that reports maxima only, and the sidecar.

    Args:
        path: The file.
        classes: Number of classes, with that of the background where there is one.
        rows: Whether the tensors have a row for each place, else a column.
        declared: Further fields of the sidecar's `outputs`, or others instead.
    """
    b = Builder()
    scores, boxes = [], []
    for stride, level in zip(STRIDES, _levels(b, 8), strict=True):
        shared = b.conv(level, f"h{stride}", 6)
        for name, channels, parts in (("logits", classes, scores), ("sides", 4, boxes)):
            b.conv(shared, f"{name}{stride}", channels)
            source = f"{name}{stride}.c"
            if rows:
                parts.append(_rows(b, source, channels, f"{name}{stride}.rows"))
            else:
                shape = b.const(f"{name}{stride}.shape", [0, channels, -1])
                parts.append(b.op("Reshape", [source, shape], f"{name}{stride}.columns"))
    axis = 1 if rows else 2
    b.op("Concat", scores, "all.logits", axis=axis)
    b.op("Sigmoid", [b.op("Concat", boxes, "all.sides", axis=axis)], "all.boxes")
    best = b.op("ReduceMax", ["all.logits"], "best", axes=[1, 2])
    values: dict[str, object] = {"scores": "all.logits", "boxes": "all.boxes", "boxes_are": "centre"}
    values |= {"units": "relative", "scores_are": "logits", **(declared or {})}
    Path(f"{path}.json").write_text(json.dumps({"outputs": values}))
    return _saved(b, path, [best], 1)


def _saved(b: Builder, path: Path, outputs: list[str], batch: object) -> Path:
    b.save(path, outputs, SIZE)
    if batch != 1:
        model = onnx.load(str(path))
        dim = model.graph.input[0].type.tensor_type.shape.dim[0]
        if isinstance(batch, int):
            dim.dim_value = batch
        else:
            dim.dim_param = str(batch)
        onnx.save(model, str(path))
    return path
