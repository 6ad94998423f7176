"""Sessions of onnxruntime: providers, threads, additional outputs."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idse.errors import IdseError
from idse.features.onnx_file import first_line

if TYPE_CHECKING:
    import onnx

_CUDA = "CUDAExecutionProvider"


def open_session(model: onnx.ModelProto, further: Sequence[str], device: str, path: Path) -> tuple[Any, str]:
    """A session whose outputs are those of the model and the tensors `further`, and the device it runs on.

    Raises:
        IdseError: onnxruntime is not installed or refuses the model, or the device is missing.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise IdseError(
            f"{error.name} is not installed: measuring needs pip install 'idse[evaluate]'"
        ) from None
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in further)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    providers = _providers(device, onnxruntime.get_available_providers())
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)
    except Exception as error:  # onnxruntime raises its own C++ error types
        raise IdseError(f"{path}: onnxruntime refuses the model: {first_line(error)}") from None
    # onnxruntime silently leaves out a provider whose libraries are missing.
    on_cuda = _CUDA in session.get_providers()
    if device not in ("auto", "cpu") and not on_cuda:
        raise IdseError(f"device {device}: onnxruntime cannot use CUDA here; use cpu or auto")
    return session, "cuda" if on_cuda else "cpu"


def package_versions(*names: str) -> dict[str, str]:
    """The versions of the packages that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _providers(device: str, offered: Sequence[str]) -> list[Any]:
    kind, _, number = device.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (number and not number.isdigit()):
        raise IdseError(f"device '{device}': must be cpu, cuda or auto")
    if kind == "cuda" and _CUDA not in offered:
        raise IdseError(
            f"device {device}: this onnxruntime has no CUDA (pip install onnxruntime-gpu); use cpu or auto"
        )
    if kind == "cpu" or _CUDA not in offered:
        return ["CPUExecutionProvider"]
    # Full precision and a fixed algorithm: results must not depend on other load.
    exact = {"device_id": int(number or 0), "use_tf32": 0, "cudnn_conv_algo_search": "DEFAULT"}
    return [(_CUDA, exact), "CPUExecutionProvider"]
