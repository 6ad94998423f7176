"""torchvision's detection models as feature extractors: FPN levels P2..P5, or all outputs of the backbone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from idse.errors import IdseError
from idse.features.heads import Heads, full_precision
from idse.features.preprocess import Placement
from idse.features.torchvision_heads import TorchvisionHeads
from idse.features.torchvision_loading import (
    first_line,
    load_model,
    model_with_own_weights,
    read_state_dict,
    weights_digest,
)

_PREFIX = "backbone."


class TorchvisionExtractor:
    """Backbone (with FPN) of a torchvision detector and, for maps of detections, its heads; see `heads.HeadExtractor`.

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
            weights: A state dict of the model; features use only `backbone.*`, so the heads may differ or be missing.
                By default torchvision's weights, from its cache or a download.
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
        # The whole model of a file is loaded when it is first needed: features need the backbone only.
        self._model: Any = None if weights is not None else model
        self._weights = weights
        self._heads: TorchvisionHeads | None = None
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

    def heads(self, reference: torch.Tensor) -> Heads:
        """See `heads.HeadExtractor.heads`.

        Raises:
            IdseError: The file of weights holds no heads, has changed, or does not fit; the heads are not supported.
        """
        if self._heads is None:
            self._heads = TorchvisionHeads(self._whole_model().eval().requires_grad_(False).to(self.device))
        heads = self._heads(full_precision(reference))
        return lambda rgb: heads(full_precision(rgb))

    def placement(self, width: int, height: int) -> tuple[Placement, tuple[int, int]]:
        """Where a picture lies in the input that the features cover, and that input's height and width."""
        images, _ = self._transform([torch.zeros(3, height, width, device=self.device)])
        (rows, cols), (in_rows, in_cols) = images.image_sizes[0], images.tensors.shape[-2:]
        return Placement(cols, rows, cols / width, rows / height), (in_rows, in_cols)

    def _whole_model(self) -> Any:
        """The model with its heads, as the measuring detector has it."""
        model = self._model
        if self._weights is not None:
            try:
                loaded = load_model(self.name, self._weights)
            except IdseError as error:
                raise IdseError(f"{error}; choose --target features, which needs the backbone only") from None
            if loaded.digest != self.description["weights_sha256"]:
                raise IdseError(f"{self._weights}: the file has changed since it was loaded; load it again")
            model = loaded.model
        if not hasattr(model, "roi_heads") and not hasattr(model, "head"):
            raise IdseError(f"{self.name}: its heads are not supported; choose --target features")
        return model


def pyramid_levels(out: Any) -> list[torch.Tensor]:
    """The outputs of a backbone without the additional levels pooled from the coarsest one."""
    levels = _by_name(out)
    return [v for k, v in levels.items() if k.isdigit()] or list(levels.values())


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
