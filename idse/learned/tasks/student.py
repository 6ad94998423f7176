"""ONNX detectors as networks that can be trained and saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from idse.errors import IdseError
from idse.features.onnx import OnnxExtractor
from idse.learned.tasks.onnx_weights import tie_weights, write_weights


class OnnxStudent(nn.Module):
    """The part of an ONNX detector that computes some of its tensors; takes plain pictures.

    Attributes:
        network: The graph's part.
    """

    def __init__(self, detector: OnnxExtractor, outputs: Sequence[str]) -> None:
        """Convert the part anew, frozen: it shares no weights with `detector`.

        Raises:
            IdseError: There is an operator that cannot be converted.
        """
        super().__init__()
        self.network = detector.network(outputs)
        self._preprocess = detector.preprocess
        self._path = detector.path
        self._digest: str = detector.description["weights_sha256"]
        self._weights = tie_weights(self.network)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """The tensors, for `[N, 3, H, W]` RGB in 0..1."""
        out: list[Tensor] = self.network(self._preprocess(rgb))
        return out

    def trainable(self, on: bool) -> None:
        """Let the file's weights be trained; other constants stay.

        Raises:
            IdseError: There are none.
        """
        if on and not self._weights:
            raise IdseError(f"{self._path}: has no weights that can be trained")
        for weight in self._weights.values():
            weight.parameter.requires_grad_(on)

    def save(self, path: Path) -> None:
        """Write the detector with the weights of now: the same file otherwise.

        Raises:
            IdseError: The file it came from is gone or changed, or `path` cannot be written.
        """
        write_weights(self._path, self._digest, self._weights, path)
