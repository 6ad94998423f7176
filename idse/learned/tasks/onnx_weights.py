"""Which weights of an ONNX file the parameters of its torch module are, and writing them back.

By values: a parameter is that input of its node which equals it, as it is or transposed (Gemm). So no operator needs
to be known, and whatever a conversion made up or folded is noticed and stays as it was.
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
        parameter: The same in the module.
        transposed: Whether the file has it transposed.
    """

    parameter: nn.Parameter
    transposed: bool


def tie_weights(network: OnnxNetwork) -> dict[str, Weight]:
    """Weights by their names in the file; what several nodes share becomes one parameter.

    A weight that some node uses otherwise than as a parameter is left out: it could not be trained consistently.
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
    """Write a copy of an ONNX file with other weights, and of the file beside it that declares what it wants.

    Args:
        source: The file that the weights' names are of.
        digest: Its SHA-256, as `read_model` gives it.
        weights: From `tie_weights`.
        path: The new file.

    Raises:
        IdseError: The source is gone or is another one by now, or `path` cannot be written.
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
    """The first of the constants that equals a parameter, and whether transposed."""
    from onnx import numpy_helper

    value = parameter.detach().cpu().numpy()
    for name in names:
        array = numpy_helper.to_array(constants[name])
        if np.array_equal(array, value):
            return name, False
        if array.ndim == 2 and np.array_equal(array.T, value):
            return name, True
    return None
