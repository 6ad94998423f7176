"""The outputs of an ONNX detector's heads as boxes and scores, with gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from idse.errors import IdseError
from idse.features.heads import HeadOutputs, full_precision
from idse.features.layouts import choose_layout

if TYPE_CHECKING:
    from idse.features.onnx import OnnxExtractor

_USUAL_CLASSES = 80
"""Of COCO; it decides which outputs are scores if their shapes leave that open."""


class OnnxHeads:
    """The whole network of an extractor, and the layout of its outputs.

    Attributes:
        layout: The layout of the outputs.
        head: How the layout reads them.
    """

    def __init__(self, extractor: OnnxExtractor) -> None:
        """Convert the whole detector.

        Raises:
            IdseError: The layout of its outputs is unknown, or an operator cannot be converted.
        """
        self._network = extractor.network(extractor.head_tensors)
        self._preprocess = extractor.preprocess
        size = extractor.preprocess.size
        with torch.no_grad():
            blank = torch.zeros(1, 3, *size, device=extractor.device)
            shapes = [tuple(output.shape[1:]) for output in self._network(blank)]
        wanted = extractor.declared or "auto"
        try:
            self.layout, self.head = choose_layout(
                wanted, extractor.graph, size, shapes, _USUAL_CLASSES, extractor.path
            )
        except IdseError as error:
            raise IdseError(f"{error}; or choose --target features") from None

    def __call__(self, rgb: Tensor) -> HeadOutputs:
        """The candidates for one picture `[1, 3, H, W]`, RGB in 0..1."""
        outputs = self._network(self._preprocess(full_precision(rgb)))
        return HeadOutputs((self.layout.decode(self.head, [output[0] for output in outputs]),))
