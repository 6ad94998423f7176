"""Reading an ONNX file: the model, its sidecar file, its picture input, its shapes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idse.errors import IdseError
from idse.json_text import parse_json

if TYPE_CHECKING:
    import onnx

INSTALL = "ONNX detectors need onnx and onnx2torch: pip install 'idse[detectors]'"
_DEFAULT_SIZE = 640


def read_model(path: Path) -> tuple[onnx.ModelProto, str]:
    """A model with its weights, and the SHA-256 of its file (and of external files of weights).

    Raises:
        IdseError: It cannot be read, is not an ONNX model, or onnx is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise IdseError(INSTALL) from None
    from google.protobuf.message import DecodeError

    try:
        data = path.read_bytes()
    except OSError as error:
        raise IdseError(f"cannot read the detector {path}: {error.strerror or error}") from None
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError:
        raise IdseError(f"{path}: no ONNX model, or a corrupt one") from None
    if not model.graph.node:
        raise IdseError(f"{path}: no ONNX model, or a corrupt one")
    digest = hashlib.sha256(data)
    outside = [t for t in model.graph.initializer if onnx.external_data_helper.uses_external_data(t)]
    try:
        onnx.external_data_helper.load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise IdseError(f"{path}: its external weights cannot be read: {first_line(error)}") from None
    for tensor in outside:
        digest.update(tensor.raw_data)
    return model, digest.hexdigest()


def sidecar_of(path: Path) -> Path:
    """The file beside a model that may declare what the graph does not show."""
    return path.with_suffix(path.suffix + ".json")


def read_sidecar(path: Path) -> dict[str, Any]:
    """What the file beside a model declares; empty if there is none.

    Raises:
        IdseError: It is not a JSON object.
    """
    sidecar = next((p for p in (sidecar_of(path), path.with_suffix(".json")) if p.is_file()), None)
    if sidecar is None:
        return {}
    try:
        values = parse_json(sidecar.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise IdseError(f"{sidecar}: not a JSON file: {first_line(error)}") from None
    if not isinstance(values, dict):
        raise IdseError(f"{sidecar}: must be a JSON object")
    return values


def picture_input(model: onnx.ModelProto, path: Path) -> str:
    """Name of the one `[N, 3, H, W]` input; initialisers listed among the inputs are dropped.

    Raises:
        IdseError: There are several inputs, or the input has another shape.
    """
    weights = {i.name for i in model.graph.initializer}
    inputs = [i for i in model.graph.input if i.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    if len(inputs) != 1:
        raise IdseError(f"{path}: has {len(inputs)} inputs, a detector of pictures has one")
    dims = inputs[0].type.tensor_type.shape.dim
    if len(dims) != 4 or dims[1].dim_value not in (0, 3):
        raise IdseError(f"{path}: its input is not a picture [N, 3, H, W]")
    return inputs[0].name


def fix_input_size(model: onnx.ModelProto, name: str, declared: Any) -> tuple[int, int]:
    """Make the input's shape static: the model's own size, else the sidecar's, else 640x640."""
    tensor = next(i for i in model.graph.input if i.name == name).type.tensor_type
    dims = tensor.shape.dim
    if isinstance(declared, int):
        declared = [declared, declared]
    wanted = list(declared) if declared else [_DEFAULT_SIZE, _DEFAULT_SIZE]
    size = [int(dim.dim_value or side) for dim, side in zip(dims[2:], wanted, strict=True)]
    for dim, side in zip(dims, (1, 3, *size), strict=True):
        dim.dim_value = side
    return size[0], size[1]


def infer_shapes(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """The model with the shapes of its tensors.

    Raises:
        IdseError: The graph contradicts itself.
    """
    import onnx

    del model.graph.value_info[:]
    try:
        return onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:  # onnx raises its own C++ error types, RuntimeError and ValueError
        raise IdseError(f"{path}: the graph's shapes cannot be inferred: {first_line(error)}") from None


def first_line(error: BaseException) -> str:
    """The message of another package's error, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
