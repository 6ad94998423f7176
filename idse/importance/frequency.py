"""How gradients depend on frequency: sums of the squares of their DCT over the 8x8 tiles of a plane (torch).

For a linear change of the features J e, an error with the DCT coefficients c in one tile costs `|J D^T c|^2`, D the
orthonormal DCT-II; the diagonal of that form is the square of the DCT of every row of J, summed over the rows. One
tile's diagonal is as noisy as its sketch; the mean over the hundreds of tiles of a picture is sharp even with few rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from idse.importance.weight_map import TILE

_NORMALISE_TILES = False
"""Whether each tile is divided by its own mean before the average over tiles; for studies."""
_LEAST = 1e-6
"""Of a table's mean: a frequency that moves nothing is kept above 0, because shaping divides by the lowest ones."""
_STRIP_SAMPLES = 1 << 16
"""On a CPU, planes are transformed in strips of about so many samples, which stay in its cache."""
_MOST_TILES = 1 << 13
"""Of a plane with more tiles, one row of the Jacobian counts in about so many: every second, third .. row of tiles."""


def dct_matrix(size: int = TILE) -> torch.Tensor:
    """The orthonormal DCT-II as a float64 matrix `[frequency, sample]`."""
    at = torch.arange(size, dtype=torch.float64)
    matrix = torch.cos(math.pi / (2 * size) * torch.outer(at, 2 * at + 1))
    return matrix * torch.where(at == 0, math.sqrt(1 / size), math.sqrt(2 / size))[:, None]


class TileSpectra:
    """Sums the squares of the 8x8 DCT of gradients over all complete tiles of each plane.

    Tiles begin at the plane's upper left sample; those that the picture's right or bottom edge cuts do not count. In
    large planes each row of the Jacobian counts in every n-th row of tiles only, the next one in the rows below: the
    mean over thousands of tiles needs no more, and the time stays small beside that of the products.
    """

    def __init__(
        self,
        sizes: Sequence[tuple[int, ...]],
        device: torch.device | str = "cpu",
        normalise_tiles: bool | None = None,
    ) -> None:
        """Start at zero.

        Args:
            sizes: Rows and columns of each plane.
            device: Where the gradients are.
            normalise_tiles: Divide each tile's sums by their mean, so that all tiles count alike; by default not.
        """
        self._per_tile = _NORMALISE_TILES if normalise_tiles is None else normalise_tiles
        matrix = dct_matrix()
        self._transform = torch.kron(matrix, matrix).T.contiguous().to(device, torch.float32)
        self._added = 0
        self._sums: list[torch.Tensor] = []
        for height, width in sizes:
            shape = ((height // TILE) * (width // TILE), TILE * TILE) if self._per_tile else (TILE * TILE,)
            dtype = torch.float32 if self._per_tile else torch.float64
            self._sums.append(torch.zeros(shape, dtype=dtype, device=device))

    def add(self, gradients: Sequence[torch.Tensor]) -> None:
        """Add one row of a Jacobian, a float32 tensor `[1, 1, h, w]` for each plane."""
        for total, gradient in zip(self._sums, gradients, strict=True):
            rows, cols = gradient.shape[-2] // TILE, gradient.shape[-1] // TILE
            if rows == 0 or cols == 0:
                continue
            plane = gradient[0, 0, : rows * TILE, : cols * TILE].unflatten(0, (rows, TILE))
            every = 1 if self._per_tile else -(-rows * cols // _MOST_TILES)
            plane = plane[self._added % every :: every]
            step = max(1, _STRIP_SAMPLES // (TILE * TILE * cols)) if plane.device.type == "cpu" else len(plane)
            for top in range(0, len(plane), step):
                strip = plane[top : top + step]
                tiles = strip.unflatten(2, (cols, TILE)).transpose(1, 2).reshape(-1, TILE * TILE)
                squares = torch.mm(tiles, self._transform).square_()
                if self._per_tile:
                    total[top * cols : top * cols + len(squares)] += squares
                else:
                    total += squares.sum(0)
        self._added += 1

    def profiles(self) -> NDArray[np.float32]:
        """The tables `[planes, 8, 8]`, element `[v, u]`, each with a mean of 1.

        A plane without a complete tile, or one that moves nothing, has a flat table.
        """
        tables = []
        for total in self._sums:
            squares = total.double().cpu().numpy()
            if self._per_tile:
                mean = squares.mean(1, keepdims=True)
                squares = np.divide(squares, mean, out=np.zeros_like(squares), where=mean > 0).sum(0)
            mean = squares.mean()
            squares = np.maximum(squares, _LEAST * mean) if mean > 0 else np.ones_like(squares)
            tables.append((squares / squares.mean()).reshape(TILE, TILE))
        return np.stack(tables).astype(np.float32)
