"""Measures how well a weight map predicts the feature changes that real errors cause: diagonal against tiles.

Run from the repository: `python -m benchmarks.prediction --data SHARED` (with data/detectors and data/coco/val in it).
Errors are white noise and JPEG's. It prints the ratio of the predicted to the true squared feature change (geometric
mean over pictures), the standard deviation of its logarithm (0 would rank pictures perfectly), and the share of luma
errors in the true change.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from idse.features.base import FeatureExtractor
from idse.features.loading import load_extractor
from idse.importance.blocks import split_tiles
from idse.importance.estimate import estimate_map
from idse.importance.planes import planes_to_rgb, planes_to_tensors
from idse.media.frame import Frame

Planes = list[torch.Tensor]


@torch.no_grad()
def feature_change(extractor: FeatureExtractor, frame: Frame, a: Planes, b: Planes) -> float:
    """Return the squared distance between the features of two pictures."""
    pairs = zip(
        extractor.features(planes_to_rgb(a, frame)), extractor.features(planes_to_rgb(b, frame)), strict=True
    )
    return sum(float(((x - y) ** 2).sum()) for x, y in pairs)


def distorted(picture: Image.Image, planes: Planes) -> Iterator[tuple[str, Planes]]:
    """Return distortions of a picture by name."""
    generator = torch.Generator().manual_seed(1)
    for sigma in (1.0, 3.0):
        yield (
            f"noise, sigma {sigma:.0f}",
            [p + sigma * torch.randn(p.shape, generator=generator) for p in planes],
        )
    for quality in (90, 60, 30):
        data = io.BytesIO()
        picture.save(data, "jpeg", quality=quality)
        with Image.open(data) as decoded:
            yield (
                f"JPEG, quality {quality}",
                planes_to_tensors(Frame.from_rgb(np.asarray(decoded.convert("RGB")))),
            )


def ratios(extractor: FeatureExtractor, picture: Image.Image) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Return for each distortion predicted over true change (luma by diagonal, by tiles; all planes), luma's share."""
    frame = Frame.from_rgb(np.asarray(picture))
    planes = planes_to_tensors(frame)
    item = estimate_map([frame], extractor=extractor, tiles=True, clip_percentile=100)
    assert item.tiles is not None
    for name, other in distorted(picture, planes):
        errors = [(a - b)[0, 0].numpy() for a, b in zip(other, planes, strict=True)]
        diagonal = []
        for weights, error, cell in zip(item.planes[0], errors, (8, 4, 4), strict=True):
            wide = weights.repeat(cell, 0).repeat(cell, 1)[: error.shape[0], : error.shape[1]]
            diagonal.append(float((wide * error**2).sum()))
        tiles = float((np.einsum("yxln,yxn->yxl", item.tiles[0], split_tiles(errors[0])) ** 2).sum())
        luma = feature_change(extractor, frame, planes, [other[0], *planes[1:]])
        everything = feature_change(extractor, frame, planes, other)
        yield name, (diagonal[0] / luma, tiles / luma, sum(diagonal) / everything, luma / everything)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--pictures", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    paths = sorted((arguments.data / "data/coco/val").glob("*.jpg"))[: arguments.pictures]
    for detector in ("yolox_nano", "nanodet_m"):
        extractor = load_extractor(arguments.data / f"data/detectors/{detector}.onnx", device="cpu")
        found: dict[str, list[tuple[float, ...]]] = {}
        for path in paths:
            with Image.open(path) as picture:
                for name, values in ratios(extractor, picture.convert("RGB")):
                    found.setdefault(name, []).append(values)
        print(f"{detector}, l = 4, seed 0, {len(paths)} pictures")
        for name, rows in found.items():
            logs = np.log(np.array(rows))
            diagonal, tiles, planes, share = np.exp(logs.mean(0))
            spread = logs.std(0)
            print(
                f"  {name}: luma by diagonal {diagonal:.2f} (spread {spread[0]:.2f}), by tiles {tiles:.2f} "
                f"({spread[1]:.2f}); all planes by diagonal {planes:.2f} ({spread[2]:.2f}); luma's share {share:.2f}"
            )


if __name__ == "__main__":
    main()
