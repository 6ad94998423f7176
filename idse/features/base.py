"""The protocol of all feature extractors.

An extractor does everything between an RGB picture and the tensors that a detector's heads take as input: resizing,
letterboxing, channel order, normalisation. Callers such as `idse.importance` only call `features` and differentiate it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray


@runtime_checkable
class FeatureExtractor(Protocol):
    """A differentiable function from RGB pictures to a detector's feature maps."""

    name: str
    """Short name, as given on the command line (`embedded`, `yolox_nano`, `fasterrcnn_resnet50_fpn`)."""

    device: torch.device
    """Where the weights are; `features` takes its input there."""

    description: dict[str, Any]
    """Provenance, JSON-serialisable; at least `kind`, `weights_sha256` and `nodes` (names of the features)."""

    def features(self, rgb: torch.Tensor) -> list[torch.Tensor]:
        """Return the feature maps of a batch of pictures.

        Args:
            rgb: `[N, 3, H, W]`, float32, red-green-blue in 0..1, on `self.device`. Values slightly outside are allowed,
                because YUV conversion produces them. H and W are arbitrary; the extractor resizes.

        Returns:
            One `[N, C_i, H_i, W_i]` tensor per level, finest level first, each differentiable with respect to `rgb`.
            Features of picture n must depend on input n only: no batch statistics.
        """
        ...


@runtime_checkable
class TargetPredictor(FeatureExtractor, Protocol):
    """An extractor that was trained to stand in for detectors, with tensors of its own for each target."""

    targets: tuple[str, ...]
    """Targets that it knows, such as "features", "detections" and "both"."""

    profiles: dict[str, NDArray[np.float32]]
    """By target, the mean frequency profile `[3, 8, 8]` of the detectors that it stands in for; may lack targets."""

    def weighted(
        self, rgb: torch.Tensor, target: str, reference: torch.Tensor | None = None
    ) -> list[torch.Tensor]:
        """Return the tensors whose squared change stands for the distance of a target.

        Args:
            rgb: As for `features`.
            target: One of `targets`.
            reference: Pictures of the same shape that the weights are of; by default `rgb`. A distance between two
                pictures needs the same weights for both.
        """
        ...
