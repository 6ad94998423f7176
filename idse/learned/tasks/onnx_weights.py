"""Matching the parameters of a torch module with the weights of its ONNX file, and writing them back.

They are matched by value: a parameter belongs to the input of its node that is equal to it, directly or transposed
(Gemm). So this works for all operators; parameters that the conversion created or folded do not match and are not
written.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from idse.errors import IdseError
from idse.features.onnx_file import read_model, sidecar_of
from idse.features.onnx_torch import OnnxNetwork, node_name
from idse.media.files import replacing

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, eq=False)
class Weight:
    """One weight of a file.

    Attributes:
        parameter: The parameter of the module.
        transposed: Whether the file contains it transposed.
    """

    parameter: nn.Parameter
    transposed: bool


def tie_weights(network: OnnxNetwork) -> dict[str, Weight]:
    """Weights by their names in the file; a weight that several nodes share becomes one parameter.

    A weight that a node uses in another way is left out, because it could not be trained consistently.
    """
    constants = _constants(network.source)
    uses = Counter(
        name for node in network.source.graph.node for name in set(node.input) if name in constants
    )
    found: dict[str, Weight] = {}
    tied: Counter[str] = Counter()
    for index, node in enumerate(network.source.graph.node):
        module = network.graph.get_submodule(node_name(index, node.op_type))
        names = [name for name in dict.fromkeys(node.input) if name in constants]
        for key, parameter in list(module.named_parameters()):
            match = _match(parameter, names, constants)
            if match is None:
                continue
            name, transposed = match
            names.remove(name)
            weight = found.setdefault(name, Weight(parameter, transposed))
            if weight.transposed == transposed:
                owner, _, attribute = key.rpartition(".")
                setattr(module.get_submodule(owner), attribute, weight.parameter)
                tied[name] += 1
    return {name: weight for name, weight in found.items() if tied[name] == uses[name]}


def write_weights(source: Path, digest: str, weights: Mapping[str, Weight], path: Path) -> None:
    """Write a copy of an ONNX file with new weights, and a copy of the sidecar file that describes its input.

    Args:
        source: The original file.
        digest: Its SHA-256, as returned by `read_model`.
        weights: From `tie_weights`.
        path: The new file.

    Raises:
        IdseError: The source is missing or has changed, or `path` cannot be written.
    """
    model, now = read_model(source)
    if now != digest:
        raise IdseError(f"{source}: the file has changed since training started; restore it")
    from onnx import numpy_helper

    constants = _constants(model)
    for name, weight in weights.items():
        tensor = constants[name]
        value = weight.parameter.detach().cpu().numpy()
        value = value.T if weight.transposed else value
        dtype = numpy_helper.to_array(tensor).dtype
        tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value, dtype=dtype), tensor.name))
    with replacing(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
    beside = next((p for p in (sidecar_of(source), source.with_suffix(".json")) if p.is_file()), None)
    if beside is not None and beside.resolve() != sidecar_of(path).resolve():
        with replacing(sidecar_of(path)) as temporary:
            shutil.copyfile(beside, temporary)


def _constants(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """Tensors whose values are in the file, by the names that nodes use."""
    found = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            found[node.output[0]] = node.attribute[0].t
    return found


def _match(
    parameter: nn.Parameter, names: list[str], constants: Mapping[str, onnx.TensorProto]
) -> tuple[str, bool] | None:
    """Name of the first constant that is equal to a parameter, and whether it is transposed."""
    from onnx import numpy_helper

    value = parameter.detach().cpu().numpy()
    for name in names:
        array = numpy_helper.to_array(constants[name])
        if np.array_equal(array, value):
            return name, False
        if array.ndim == 2 and np.array_equal(array.T, value):
            return name, True
    return None
