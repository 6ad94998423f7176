"""Loading feature extractors by name or from a file, and choosing the device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from idse.errors import IdseError
from idse.features.base import FeatureExtractor


def load_extractor(
    name_or_path: str | Path,
    *,
    weights: Path | str | None = None,
    device: str | torch.device = "auto",
    nodes: Sequence[str] | None = None,
) -> FeatureExtractor:
    """Load a feature extractor.

    Args:
        name_or_path: `embedded`, the name of a torchvision detection model (`fasterrcnn_resnet50_fpn`, ...), or an
            `.onnx` file.
        weights: File of weights for `embedded`, state dict for torchvision models; by default their own weights, which
            for torchvision come from its cache or a download. An ONNX file contains its weights.
        device: "cpu", "cuda", "cuda:1", ... or "auto": CUDA if there is a device, else the CPU.
        nodes: Names of the feature tensors (ONNX) or backbone outputs (torchvision); by default they are found.

    Raises:
        IdseError: Unknown name, missing or corrupt file, missing package, or a device that is not there.
    """
    where = pick_device(device)
    name = str(name_or_path)
    if name.lower().endswith(".onnx"):
        if weights is not None:
            raise IdseError(f"{name}: an ONNX file holds its weights; leave out --weights")
        from idse.features.onnx import OnnxExtractor

        return OnnxExtractor(name, device=where, nodes=nodes)
    file = None if weights is None else Path(weights)
    if file is not None and not file.is_file():
        raise IdseError(f"cannot read the weights {file}: no such file")
    if name == "embedded":
        if nodes:
            raise IdseError("the embedded extractor has fixed feature nodes; leave out the node names")
        from idse.features.embedded import load_embedded

        return load_embedded(where, file)
    from idse.features.torchvision_loading import detection_models
    from idse.features.torchvision_models import TorchvisionExtractor

    if name not in detection_models():
        raise IdseError(
            f"unknown detector '{name}': must be embedded, an .onnx file, or one of {', '.join(detection_models())}"
        )
    return TorchvisionExtractor(name, weights=file, device=where, nodes=nodes)


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """The device for "auto", "cpu", "cuda", ...

    Raises:
        IdseError: Unknown name, or a device that is not there.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError:
        raise IdseError(f"device '{device}': must be cpu, cuda or auto") from None
    if found.type == "cuda":
        if not torch.cuda.is_available():
            raise IdseError("device cuda: there is no CUDA device here; use --device cpu or auto")
        if (found.index or 0) >= torch.cuda.device_count():
            raise IdseError(f"device {found}: there are only {torch.cuda.device_count()}")
    elif found.type != "cpu":
        raise IdseError(f"device '{device}': must be cpu, cuda or auto")
    return found
