"""torchvision's detection models as feature extractors: FPN levels P2..P5, or all outputs of the backbone."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from idse.errors import IdseError
from idse.features.preprocess import Placement

_PREFIX = "backbone."


def detection_models() -> list[str]:
    """Names of the models torchvision has."""
    try:
        from torchvision.models import detection, list_models
    except ImportError:
        raise IdseError("torchvision's detectors need torchvision: pip install torchvision") from None
    return list(list_models(module=detection))


class TorchvisionExtractor:
    """Backbone (with FPN) of a torchvision detector; see `base.FeatureExtractor`.

    The model's own `transform` resizes and normalises. From an FPN only the levels of the pyramid itself are used
    (P2..P5 of Faster and Mask R-CNN, P3..P5 of RetinaNet and FCOS), not the additional pooled levels.
    """

    def __init__(
        self,
        name: str,
        *,
        weights: Path | None = None,
        device: torch.device | None = None,
        nodes: Sequence[str] | None = None,
    ) -> None:
        """Build a model and load its weights.

        Args:
            name: As in `detection_models()`.
            weights: A state dict of the model; only `backbone.*` is used, so the heads may differ or be missing. By
                default torchvision's weights, from its cache or a download.
            device: Where to compute; by default the CPU.
            nodes: Keys of the backbone's outputs; by default the pyramid levels.

        Raises:
            IdseError: The weights cannot be read or downloaded or do not fit, or the nodes do not exist.
        """
        from torchvision.models import get_model

        self.name = name
        self.device = device or torch.device("cpu")
        if weights is not None:
            model = get_model(name, weights=None, weights_backbone=None)
            digest = _load_backbone(model, weights)
            source = weights.name
        else:
            model = model_with_own_weights(name)
            digest, source = weights_digest(model), "torchvision DEFAULT"
        self._transform: Any = model.transform
        self._backbone: Any = model.backbone
        for module in (self._transform, self._backbone):
            module.eval().requires_grad_(False).to(self.device)
        self.nodes = list(nodes) if nodes else None
        self.description: dict[str, Any] = {
            "kind": "torchvision",
            "model": name,
            "weights": source,
            "weights_sha256": digest,
            "nodes": self.nodes or "pyramid levels",
        }

    def features(self, rgb: torch.Tensor) -> list[torch.Tensor]:
        """See `base.FeatureExtractor.features`.

        Raises:
            IdseError: The backbone has no outputs of these names.
        """
        images, _ = self._transform(list(rgb.to(torch.float32)))
        out = self._backbone(images.tensors)
        if self.nodes is None:
            return pyramid_levels(out)
        levels = _by_name(out)
        missing = [n for n in self.nodes if n not in levels]
        if missing:
            raise IdseError(f"{self.name} has no feature node '{missing[0]}'; it has {', '.join(levels)}")
        return [levels[n] for n in self.nodes]

    def placement(self, width: int, height: int) -> tuple[Placement, tuple[int, int]]:
        """Where a picture lies in the input that the features cover, and that input's height and width."""
        images, _ = self._transform([torch.zeros(3, height, width, device=self.device)])
        (rows, cols), (in_rows, in_cols) = images.image_sizes[0], images.tensors.shape[-2:]
        return Placement(cols, rows, cols / width, rows / height), (in_rows, in_cols)


def pyramid_levels(out: Any) -> list[torch.Tensor]:
    """The outputs of a backbone without the additional levels pooled from the coarsest one."""
    levels = _by_name(out)
    return [v for k, v in levels.items() if k.isdigit()] or list(levels.values())


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


def _by_name(out: Any) -> dict[str, torch.Tensor]:
    return {"0": out} if isinstance(out, torch.Tensor) else {str(k): v for k, v in out.items()}


def _load_backbone(model: torch.nn.Module, path: Path) -> str:
    """Load the backbone's part of a state dict; returns the file's SHA-256."""
    state, digest = read_state_dict(path)
    part = {k.removeprefix(_PREFIX): v for k, v in state.items() if str(k).startswith(_PREFIX)}
    try:
        model.backbone.load_state_dict(part, strict=True)  # type: ignore[union-attr]
    except (RuntimeError, TypeError, AttributeError) as error:
        raise IdseError(f"{path}: does not fit this model: {first_line(error)}") from None
    return digest


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
