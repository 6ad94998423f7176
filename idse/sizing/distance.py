"""The distance of decoded pictures from their source, as detectors see both.

A weight map predicts this distance from the Jacobian for small errors. Here the network itself computes it, at the cost
of one forward pass for each picture: the errors of scaling are neither small nor noise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from idse.importance.detection_metric import METRICS
from idse.importance.maker import LoadExtractor, load_features
from idse.importance.settings import ImportanceSettings
from idse.media.frame import Frame

if TYPE_CHECKING:
    import torch

    from idse.features.base import FeatureExtractor
    from idse.importance.targets import TargetFunction

FrameDistances = Callable[[Frame], "list[float]"]
"""Distances of a decoded frame, of its source's size, one for each detector and target."""


class DetectorDistance:
    """The distances that maps of one `ImportanceSettings` predict: of each of its detectors and targets.

    A network that stands in for detectors (`embedded`) gives weighted samples; the weights are always the source's.

    Args:
        settings: Of the maps; the detectors, their weights and nodes, `target`, `metric` and `level_norm` count.
        load_extractor: Gives the feature extractor for a detector's name, weights, device and nodes.
    """

    def __init__(self, settings: ImportanceSettings, load_extractor: LoadExtractor = load_features) -> None:
        self.settings = settings
        self._load = load_extractor
        self._extractors: list[FeatureExtractor] = []

    def of(self, source: Frame) -> FrameDistances:
        """Return the function from decoded frames, of the source's size, to their distances from it.

        Raises:
            IdseError: No such detector, device or weights, or the detector has no outputs that the target needs.
        """
        s = self.settings
        if not self._extractors:  # first: it says so if torch is missing
            self._extractors = [self._load(name, s.weights, s.device, s.nodes) for name in s.detectors]

        import torch

        from idse.importance.sketch import level_scales, one_thread
        from idse.importance.targets import target_parts

        with one_thread(), torch.no_grad():
            parts = []
            for extractor in self._extractors:
                rgb = _rgb(source, source, extractor.device)
                for target in target_parts(extractor, s.target):
                    function = _function(extractor, target, rgb, s.metric)
                    wanted = function(rgb)
                    parts.append((extractor, function, wanted, level_scales(s.level_norm, wanted)))

        def distances(decoded: Frame) -> list[float]:
            found = []
            with one_thread(), torch.no_grad():
                for extractor, function, wanted, scales in parts:
                    got = function(_rgb(decoded, source, extractor.device))
                    found.append(
                        sum(
                            scale**2 * float((a - b).square().sum(dtype=torch.float64))
                            for scale, a, b in zip(scales, got, wanted, strict=True)
                        )
                    )
            return found

        return distances


def _function(extractor: FeatureExtractor, target: str, reference: torch.Tensor, metric: str) -> TargetFunction:
    from idse.features.base import TargetPredictor
    from idse.importance.targets import target_function

    function = target_function(extractor, target, reference, METRICS[metric])  # refuses a target it does not know
    if isinstance(extractor, TargetPredictor):
        # Maps take the weights of the picture where the Jacobian is taken; a distance needs the same for both.
        return lambda rgb: extractor.weighted(rgb, target, reference)
    return function


def _rgb(frame: Frame, source: Frame, device: torch.device) -> torch.Tensor:
    """`[1, 3, H, W]` in 0..1; white is that of the source's bit depth, which encoders shift up."""
    from idse.importance.planes import planes_to_rgb, planes_to_tensors

    return planes_to_rgb(planes_to_tensors(frame, device), source).clamp(0, 1)
