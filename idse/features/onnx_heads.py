"""The outputs of an ONNX detector's heads as boxes and scores, with gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from idse.features.heads import HeadOutputs
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
        self._network = extractor.network(extractor.outputs)
        self._preprocess = extractor.preprocess
        size = extractor.preprocess.size
        with torch.no_grad():
            blank = torch.zeros(1, 3, *size, device=extractor.device)
            shapes = [tuple(output.shape[1:]) for output in self._network(blank)]
        self.layout, self.head = choose_layout(
            "auto", extractor.graph, size, shapes, _USUAL_CLASSES, extractor.path
        )

    def __call__(self, rgb: Tensor) -> HeadOutputs:
        """The candidates for one picture `[1, 3, H, W]`, RGB in 0..1."""
        outputs = self._network(self._preprocess(rgb.to(torch.float32)))
        return HeadOutputs((self.layout.decode(self.head, [output[0] for output in outputs]),))
