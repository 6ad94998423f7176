"""ONNX graphs as differentiable torch modules, through onnx2torch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from idse.errors import IdseError
from idse.features.onnx_file import INSTALL, first_line

if TYPE_CHECKING:
    import onnx

# Newer torch warns about the indexing in onnx2torch's Slice; its result is tested against onnx's reference.
warnings.filterwarnings("ignore", message="Using a non-tuple sequence", module=r"onnx2torch\.")


def need_onnx2torch() -> None:
    """Raise an `IdseError` where onnx2torch is not installed."""
    try:
        import onnx2torch  # noqa: F401
    except ImportError:
        raise IdseError(INSTALL) from None


class OnnxNetwork(torch.nn.Module):
    """The part of an ONNX graph that computes given tensors; frozen, in eval mode.

    Attributes:
        outputs: Names of the tensors.
        source: This part as ONNX; the module of its node i is `graph.node_i` (see `node_name`).
        batches: Whether it takes several pictures at once; None until this was tried.
    """

    def __init__(self, model: onnx.ModelProto, input_name: str, outputs: Sequence[str], path: Path) -> None:
        """Convert.

        Args:
            model: With static shapes for one picture, after `free_batch`.
            input_name: The picture input.
            outputs: Names of tensors.
            path: The model's file, for messages.

        Raises:
            IdseError: There is an operator that cannot be converted.
        """
        super().__init__()
        self.outputs = list(outputs)
        self.source = _cut(model, input_name, self.outputs)
        self.graph = _convert(self.source, path)
        self.batches: bool | None = None
        self._path = path

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The tensors for pictures `[N, 3, H, W]` that went through the model's preprocessing.

        Raises:
            IdseError: The model fails on its own input size.
        """
        try:
            if len(x) > 1 and not self._can_batch(x):
                parts = [self._run(x[i : i + 1]) for i in range(len(x))]
                return [torch.cat(level) for level in zip(*parts, strict=True)]
            return self._run(x)
        except (RuntimeError, TypeError, IndexError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise IdseError(f"{self._path}: the model fails on its input: {first_line(error)}") from None

    def _run(self, x: torch.Tensor) -> list[torch.Tensor]:
        out: Any = self.graph(x)
        return [out] if isinstance(out, torch.Tensor) else list(out)

    @torch.no_grad()
    def _can_batch(self, x: torch.Tensor) -> bool:
        """Whether a graph that was exported for one picture takes two; tried once."""
        if self.batches is None:
            pair = torch.cat([x[:1], x[1:2]])
            singles = [self._run(p) for p in pair.split(1)]
            try:
                both = self._run(pair)
                self.batches = all(
                    b.shape[0] == 2 and torch.allclose(b, torch.cat(s), rtol=1e-3, atol=1e-3)
                    for b, s in zip(both, zip(*singles, strict=True), strict=True)
                )
            except (RuntimeError, TypeError, IndexError):
                self.batches = False
        return self.batches


def node_name(index: int, op: str) -> str:
    """The name in `OnnxNetwork.graph` of the module of a node of `OnnxNetwork.source`."""
    return f"node_{index}_{op}"


def free_batch(model: onnx.ModelProto, shapes: dict[str, tuple[int, ...]]) -> None:
    """Replace constants with a batch size of 1: Reshape copies the input's (0 in ONNX), Resize uses scales."""
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
    nodes.reverse()
    # Of a node with several outputs, onnx2torch returns all, in the node's order: such outputs get nodes of their own.
    shared = {name for node in nodes if len(node.output) > 1 for name in node.output}
    ends = [f"{name}.idse_output" if name in shared else name for name in outputs]
    nodes += [
        onnx.helper.make_node("Identity", [name], [end]) for name, end in zip(outputs, ends, strict=True) if end != name
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "features",
        [i for i in model.graph.input if i.name == input_name],
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ends],
        [i for i in model.graph.initializer if i.name in needed],
    )
    for index, node in enumerate(graph.node):
        # Names in files are optional and not always unique. Names of parameters are derived from these.
        node.name = node_name(index, node.op_type)
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _convert(model: onnx.ModelProto, path: Path) -> torch.nn.Module:
    import onnx2torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = onnx2torch.convert(model)
    except Exception as error:  # NotImplementedError for operators, and various errors for a malformed graph
        raise IdseError(f"{path}: cannot be made differentiable: {first_line(error)}") from None
    return module.eval().requires_grad_(False)
