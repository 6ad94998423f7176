"""Small ONNX detectors made with onnx.helper: a pyramid with isomorphic heads, a backbone, and broken ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Builder:
    """Collects nodes and random weights."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.channels = {"picture": 3}

    def op(self, kind: str, inputs: list[str], output: str, channels: int = 0, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        self.channels[output] = channels or self.channels.get(inputs[0], 0)
        return output

    def const(self, name: str, values: object, dtype: type = np.int64) -> str:
        self.weights.append(numpy_helper.from_array(np.array(values, dtype), name))
        return name

    def conv(self, source: str, output: str, channels: int, stride: int = 1) -> str:
        shape = (channels, self.channels[source], 3, 3)
        self.const(output + ".w", self.rng.normal(size=shape) * 0.2, np.float32)
        self.op(
            "Conv", [source, output + ".w"], output + ".c", channels, strides=[stride] * 2, pads=[1] * 4,
            kernel_shape=[3, 3],
        )  # fmt: skip
        return self.op("Relu", [output + ".c"], output)

    def save(self, path: Path, outputs: list[str], size: tuple[object, object] = (64, 64)) -> Path:
        picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, *size])
        outs = [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs]
        graph = helper.make_graph(self.nodes, "toy", [picture], outs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.save(model, str(path))
        return path


def pyramid(
    path: Path, channels: tuple[int, int, int] = (8, 8, 8), size: tuple[object, object] = (64, 64)
) -> Path:
    """A backbone, a top-down pyramid (features f8, f16, f32) and a head of two convolutions a level, joined."""
    b = Builder()
    c2 = b.conv(b.conv("picture", "c1", 4, 2), "c2", 8, 2)
    c8 = b.conv(c2, "c8", 8, 2)
    c16 = b.conv(c8, "c16", 8, 2)
    c32 = b.conv(c16, "c32", 8, 2)
    b.const("none", [], np.float32)
    b.const("double", [1, 1, 2, 2], np.float32)
    up = b.op("Resize", [c32, "none", "double"], "up16", mode="nearest")
    m16 = b.op("Add", [c16, up], "m16")
    up = b.op("Resize", [m16, "none", "double"], "up8", mode="nearest")
    m8 = b.op("Add", [c8, up], "m8")
    b.conv(m8, "f8", channels[0])
    b.conv(m16, "f16", channels[1])
    b.conv(c32, "f32", channels[2])
    b.const("flat", [1, 12, -1])
    for stride in (8, 16, 32):
        shared = b.conv(f"f{stride}", f"h{stride}", 6)
        cls = b.conv(shared, f"cls{stride}", 8)
        box = b.conv(shared, f"box{stride}", 4)
        joined = b.op("Concat", [cls, box], f"out{stride}", 12, axis=1)
        b.op("Reshape", [joined, "flat"], f"rows{stride}")
    b.op("Concat", ["rows8", "rows16", "rows32"], "detections", axis=2)
    return b.save(path, ["detections"], size)


def backbone(path: Path) -> Path:
    """A classifier: strides 2..32, pooled to a vector."""
    b = Builder()
    x = "picture"
    for i, stride in enumerate((2, 4, 8, 16, 32)):
        x = b.conv(x, f"s{stride}", 4 + i, 2)
    b.op("GlobalAveragePool", [x], "pooled")
    b.op("Flatten", ["pooled"], "scores")
    return b.save(path, ["scores"])


def without_gradient(path: Path) -> Path:
    """Features pass through rounding to int and back."""
    b = Builder()
    x = b.conv("picture", "s8", 4, 8)
    b.op("Cast", [x], "ints", to=TensorProto.INT64)
    b.op("Cast", ["ints"], "floats", 4, to=TensorProto.FLOAT)
    return b.save(path, ["floats"])


def unsupported(path: Path) -> Path:
    """Contains an operator no converter knows."""
    b = Builder()
    x = b.conv("picture", "s8", 4, 8)
    b.op("Hardmax", [x], "odd", 4)
    return b.save(path, ["odd"])
