"""Any ONNX detector as a feature extractor, through onnx2torch.

The graph is cut at its feature tensors, so that a map costs no time in the heads. A file `<model>.json` beside the
model may declare what the structure cannot tell: the fields of `preprocess.Preprocess` and `nodes`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from idse.errors import IdseError
from idse.features.onnx_file import (
    INSTALL,
    first_line,
    fix_input_size,
    infer_shapes,
    picture_input,
    read_model,
    read_sidecar,
    sidecar_of,
)
from idse.features.preprocess import Preprocess, preprocess_from_dict

if TYPE_CHECKING:
    import onnx

# onnx2torch's Slice indexes in a way newer torch warns of; its result is tested against onnx's reference.
warnings.filterwarnings("ignore", message="Using a non-tuple sequence", module=r"onnx2torch\.")


class OnnxExtractor:
    """Features of an ONNX model; see `base.FeatureExtractor`.

    Attributes:
        preprocess: What turns RGB in 0..1 into the model's input; `preprocess.geometry` places boxes.
        layout: "yolox", "nanodet" or "generic": the family recognised.
        nodes: Names of the feature tensors.
    """

    def __init__(
        self, path: Path | str, *, device: torch.device | None = None, nodes: Sequence[str] | None = None
    ) -> None:
        """Load a model.

        Args:
            path: The `.onnx` file.
            device: Where to compute; the CPU if not given.
            nodes: Names of the feature tensors, finest first; found in the graph if not given.

        Raises:
            IdseError: No such file, no ONNX model, no picture input, unknown nodes, unsupported operators, or a
                missing package.
        """
        self.path = Path(path)
        self.name = self.path.stem
        self.device = device or torch.device("cpu")
        try:
            import onnx2torch  # noqa: F401
        except ImportError:
            raise IdseError(INSTALL) from None
        model, digest = read_model(self.path)
        sidecar = read_sidecar(self.path)
        self._input = picture_input(model, self.path)
        size = fix_input_size(model, self._input, sidecar.get("size"))
        model = infer_shapes(model, self.path)

        from idse.features.onnx_graph import Graph

        graph = Graph(model, self._input, size)
        self.layout = "yolox" if graph.is_yolox() else "nanodet" if graph.is_nanodet() else "generic"
        declared = {k: v for k, v in sidecar.items() if k not in ("nodes", "size")}
        try:
            self.preprocess = preprocess_from_dict(declared, default_preprocess(self.layout, size))
        except IdseError as error:
            raise IdseError(f"{sidecar_of(self.path)}: {error}") from None
        self.nodes = list(nodes or sidecar.get("nodes") or graph.find_features())
        if not self.nodes:
            raise IdseError(f"{self.path}: found no feature maps in the graph; name them (nodes)")
        unknown = [n for n in self.nodes if n not in graph.producer]
        if unknown:
            hint = ", ".join(graph.find_features()) or "none found"
            raise IdseError(
                f"{self.path}: no tensor '{unknown[0]}' depends on the picture; found by itself: {hint}"
            )
        _free_batch(model, graph.shapes)
        self._model = model
        self._features = _convert(_cut(model, self._input, self.nodes), self.path).to(self.device)
        self._batches: bool | None = None
        self._whole: torch.nn.Module | None = None
        self.description: dict[str, Any] = {
            "kind": "onnx",
            "file": self.path.name,
            "weights_sha256": digest,
            "layout": self.layout,
            "nodes": self.nodes,
            "preprocess": self.preprocess.to_dict(),
        }

    def features(self, rgb: torch.Tensor) -> list[torch.Tensor]:
        """See `base.FeatureExtractor.features`.

        Raises:
            IdseError: The model fails on its own input size, or no gradient flows through it.
        """
        x = self.preprocess(rgb.to(torch.float32))
        try:
            if len(x) > 1 and not self._can_batch(x):
                parts = [self._run(x[i : i + 1]) for i in range(len(x))]
                out = [torch.cat(level) for level in zip(*parts, strict=True)]
            else:
                out = self._run(x)
        except (RuntimeError, TypeError, IndexError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise IdseError(f"{self.path}: the model fails on its input: {first_line(error)}") from None
        if rgb.requires_grad and torch.is_grad_enabled() and not all(f.requires_grad for f in out):
            raise IdseError(f"{self.path}: no gradient flows from the features to the picture")
        return out

    @torch.no_grad()
    def run(self, rgb: torch.Tensor) -> dict[str, torch.Tensor]:
        """The detector's raw outputs by name, for `[N, 3, H, W]` RGB in 0..1 on `device`; no gradients."""
        if self._whole is None:
            outputs = [o.name for o in self._model.graph.output]
            self._whole = _convert(_cut(self._model, self._input, outputs), self.path).to(self.device)
        names = [o.name for o in self._model.graph.output]
        x = self.preprocess(rgb.to(torch.float32))
        parts = [_as_list(self._whole(x[i : i + 1])) for i in range(len(x))]
        return {name: torch.cat(values) for name, values in zip(names, zip(*parts, strict=True), strict=True)}

    def _run(self, x: torch.Tensor) -> list[torch.Tensor]:
        return _as_list(self._features(x))

    @torch.no_grad()
    def _can_batch(self, x: torch.Tensor) -> bool:
        """Whether the graph, exported for one picture, takes two; tried once."""
        if self._batches is None:
            pair = torch.cat([x[:1], x[1:2]])
            singles = [self._run(p) for p in pair.split(1)]
            try:
                both = self._run(pair)
                self._batches = all(
                    b.shape[0] == 2 and torch.allclose(b, torch.cat(s), rtol=1e-3, atol=1e-3)
                    for b, s in zip(both, zip(*singles, strict=True), strict=True)
                )
            except (RuntimeError, TypeError, IndexError):
                self._batches = False
        return self._batches


def default_preprocess(layout: str, size: tuple[int, int]) -> Preprocess:
    """What a family of detectors wants: YOLOX and NanoDet as published; else RGB in 0..1, centred, padded grey."""
    if layout == "yolox":
        return Preprocess(size, order="bgr", fit="top_left", pad=114.0, scale=255.0)
    if layout == "nanodet":
        mean, std = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
        return Preprocess(size, order="bgr", fit="center", pad=0.0, scale=255.0, mean=mean, std=std)
    return Preprocess(size)


def _free_batch(model: onnx.ModelProto, shapes: dict[str, tuple[int, ...]]) -> None:
    """Let constants that name a batch of 1 take any: Reshape copies its input's (0 in ONNX), Resize scales."""
    import numpy as np
    from onnx import numpy_helper

    constants = {i.name: i for i in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    for index, node in enumerate(model.graph.node):
        source = shapes.get(node.input[0], ()) if node.input else ()
        if source[:1] != (1,):
            continue
        name = f"idse_free_batch_{index}"
        if node.op_type == "Reshape" and node.input[1] in constants:
            shape = numpy_helper.to_array(constants[node.input[1]]).copy()
            if (
                len(shape) > 1
                and shape[0] == 1
                and not any(a.name == "allowzero" and a.i for a in node.attribute)
            ):
                shape[0] = 0
                model.graph.initializer.append(numpy_helper.from_array(shape, name))
                node.input[1] = name
        elif node.op_type == "Resize" and len(node.input) == 4 and node.input[3] in constants:
            sizes = numpy_helper.to_array(constants[node.input[3]])
            scales = (sizes / np.maximum(source, 1)).astype(np.float32)
            if np.array_equal(np.floor(np.array(source) * scales), sizes):
                model.graph.initializer.append(numpy_helper.from_array(scales, name))
                del node.input[3]
                node.input[2] = name


def _cut(model: onnx.ModelProto, input_name: str, outputs: Sequence[str]) -> onnx.ModelProto:
    """The part of the model that computes `outputs`."""
    import onnx

    needed, nodes = set(outputs), []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(node.input)
    graph = onnx.helper.make_graph(
        nodes[::-1],
        "features",
        [i for i in model.graph.input if i.name == input_name],
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs],
        [i for i in model.graph.initializer if i.name in needed],
    )
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _convert(model: onnx.ModelProto, path: Path) -> torch.nn.Module:
    import onnx2torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = onnx2torch.convert(model)
    except Exception as error:  # NotImplementedError for operators, and whatever a malformed graph provokes
        raise IdseError(f"{path}: cannot be made differentiable: {first_line(error)}") from None
    return module.eval().requires_grad_(False)


def _as_list(out: Any) -> list[torch.Tensor]:
    return [out] if isinstance(out, torch.Tensor) else list(out)
