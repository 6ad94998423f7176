"""Loading torchvision's detection models: torchvision's own weights, or a file's."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from idse.errors import IdseError

# torchvision runs these weights without the epsilon of batch normalisation, because they were trained without it.
_NO_EPSILON = (
    "fasterrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn",
    "retinanet_resnet50_fpn",
    "keypointrcnn_resnet50_fpn",
)


def detection_models() -> list[str]:
    """Names of the models torchvision has."""
    try:
        from torchvision.models import detection, list_models
    except ImportError:
        raise IdseError("torchvision's detectors need torchvision: pip install torchvision") from None
    return list(list_models(module=detection))


def count_classes(name: str, state: dict[str, torch.Tensor], path: Path) -> int:
    """The number of labels of a state dict's model, from the shapes that depend on it.

    Raises:
        IdseError: It is not the state dict of a whole model of this name.
    """
    from torchvision.models import get_model

    def shapes(classes: int) -> dict[str, int]:
        with torch.device("meta"):
            model = get_model(name, weights=None, weights_backbone=None, num_classes=classes)
        return {key: value.shape[0] for key, value in model.state_dict().items() if value.ndim}

    two, three = shapes(2), shapes(3)
    counts = set()
    for key in (k for k in two if two[k] != three[k]):
        if key not in state:
            raise IdseError(f"{path}: holds no '{key}': must be a state dict of the whole {name}")
        extra, remainder = divmod(state[key].shape[0] - two[key], three[key] - two[key])
        counts.add(2 + extra if remainder == 0 else 0)
    if len(counts) != 1 or min(counts) < 1:
        raise IdseError(f"{path}: does not fit {name}: its heads differ in their number of classes")
    return int(counts.pop())


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A torchvision detection model with weights.

    Attributes:
        model: In training mode and trainable, as torchvision makes it.
        source: Where the weights come from.
        digest: SHA-256 of their file, or of their values for torchvision's own weights.
        count: Number of labels of the model.
        categories: Of torchvision's own weights, by label; some are not objects.
        background: Whether label 0 is the background; else it may be a class (RetinaNet, FCOS).
    """

    model: Any
    source: str
    digest: str
    count: int
    categories: tuple[str, ...]
    background: bool


def load_model(name: str, weights: Path | None) -> LoadedModel:
    """A model with torchvision's own weights or a file's.

    Raises:
        IdseError: The model is unknown, or the weights cannot be read or downloaded or do not fit.
    """
    if name not in detection_models():
        known = ", ".join(detection_models())
        raise IdseError(f"unknown detector '{name}': must be an .onnx file or one of {known}")
    from torchvision.models import get_model_weights

    categories = tuple(get_model_weights(name).DEFAULT.meta["categories"])
    if weights is None:
        model = model_with_own_weights(name)
        source, digest, count = "torchvision DEFAULT", weights_digest(model), len(categories)
    else:
        model, digest, count = _load(name, weights)
        source = weights.name
    return LoadedModel(model, source, digest, count, categories, _has_background(model))


def _load(name: str, path: Path) -> tuple[Any, str, int]:
    """A model with a file's weights, the file's SHA-256, and the number of its labels."""
    from torchvision.models import get_model, get_model_weights

    state, digest = read_state_dict(path)
    count = count_classes(name, state, path)
    model = get_model(name, weights=None, weights_backbone=None, num_classes=count)
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise IdseError(f"{path}: does not fit {name}: {first_line(error)}") from None
    published = [weights.url for weights in get_model_weights(name)]
    if name in _NO_EPSILON and any(url.endswith(f"-{digest[:8]}.pth") for url in published):
        drop_epsilon(model)
    return model, digest, count


def drop_epsilon(model: Any) -> None:
    """Set the epsilon of batch normalisation to 0, as torchvision does for the weights of `_NO_EPSILON`."""
    for module in model.backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 0.0


def _has_background(model: Any) -> bool:
    from torchvision.models.detection import FCOS, RetinaNet

    return not isinstance(model, (FCOS, RetinaNet))


def model_with_own_weights(name: str) -> Any:
    """A model with torchvision's default weights.

    Raises:
        IdseError: They are not in its cache and cannot be downloaded.
    """
    from torchvision.models import get_model

    try:
        return get_model(name, weights="DEFAULT", progress=False)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise IdseError(
            f"the weights of {name} are not in torchvision's cache and cannot be downloaded "
            f"({first_line(error)}); give a file with --weights FILE"
        ) from None


def read_state_dict(path: Path) -> tuple[dict[str, torch.Tensor], str]:
    """A state dict and its file's SHA-256.

    Raises:
        IdseError: The file cannot be read, or is not a state dict.
    """
    try:
        data = path.read_bytes()
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise IdseError(f"cannot read the weights {path}: {error.strerror or error}") from None
    except Exception:  # pickles and archives fail in many ways
        raise IdseError(f"{path}: not a state dict that torch can load, or a corrupt one") from None
    for key in ("model", "state_dict"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        raise IdseError(f"{path}: not a state dict")
    return state, hashlib.sha256(data).hexdigest()


def weights_digest(model: torch.nn.Module) -> str:
    """SHA-256 of the names and values of the weights, sorted by name."""
    digest = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def first_line(error: BaseException) -> str:
    """The message of another package's error, in one line."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return " ".join(lines[:2])[:200] or type(error).__name__
