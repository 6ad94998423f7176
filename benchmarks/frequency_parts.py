"""Prints what the parts of the weights over frequency are worth and cost in the native encoder, without any AP.

Run from the repository: `python -m benchmarks.frequency_parts --data SHARED` (with data/coco/train in it). The profile
is the stored mean of the built-in extractor's teachers, the map is uniform in place.

1. BD-rate at equal weighted error, against level choice and decisions with weights but no scaling lists: the error's
   8x8 DCT, squared, times the shaped profile, over all planes. It is what the encoder minimises.
2. How far the distortion that decisions use (in the DCT of each block's own size) is from adding up over splits: for
   coding errors of unweighted encodes, its sum over blocks of each size divided by that over 8x8 blocks.
3. User CPU seconds of weighted encodes with the profile, divided by those of the same map without (median over
   pictures of the minimum of repeats, taken in turns), and the same of a map that estimates its profile.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.weight_map import cpu_seconds
from idse.devtools.pictures import load_photograph, photographs
from idse.engines import EncodeSettings, FrequencyScope, get_engine
from idse.features.loading import load_extractor
from idse.importance.estimate import activity_map, estimate_map
from idse.importance.maker import ImportanceSettings, MapMaker
from idse.importance.shaping import profile_weights, shape_profile
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame
from idse.metrics.bd_rate import bd_rate

QPS = (22, 27, 32, 37, 42, 47)
PARTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("no weights over frequency", {"gamma": 0.0}),
    ("decisions only", {"frequency_scope": FrequencyScope.RDO}),
    ("level choice only, no lists", {"frequency_scope": FrequencyScope.QUANT, "scaling_lists": "off"}),
    ("level choice only, lists auto", {"frequency_scope": FrequencyScope.QUANT}),
    ("both, lists always", {"scaling_lists": "on"}),
    ("both, lists auto", {}),
)
MEASURED = ("parts", "additivity", "cpu")
ANCHOR: dict[str, Any] = {"scaling_lists": "off"}


def dct_matrix(size: int) -> NDArray[np.float64]:
    """The orthonormal DCT-II, rows of frequencies."""
    k = np.arange(size)
    matrix = np.sqrt(2 / size) * np.cos(np.pi * (2 * k[None] + 1) * k[:, None] / (2 * size))
    matrix[0] /= np.sqrt(2)
    return matrix


def block_errors(error: NDArray[np.float64], weights: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Weighted energy of the DCT of each whole block `size` x `size`: `[rows, columns]`."""
    rows, columns = (side // size for side in error.shape)
    tiles = error[: rows * size, : columns * size].reshape(rows, size, columns, size).swapaxes(1, 2)
    matrix = dct_matrix(size)
    return np.asarray((np.square(matrix @ tiles @ matrix.T) * weights).sum((2, 3)))


def curve(
    frame: Frame, weights: WeightMap, fields: dict[str, Any], shaped: list[NDArray[np.float64]], preset: int
) -> tuple[list[float], list[float]]:
    """Bytes and weighted PSNR at all QPs."""
    engine, source = get_engine("native"), frame.with_bit_depth(10)
    rates, qualities = [], []
    for qp in QPS:
        stream = engine.encode([frame], weights, EncodeSettings(qp=qp, preset=preset, **fields))
        error = sum(
            float(block_errors(a.astype(np.float64) - b, h, 8).sum())
            for a, b, h in zip(source.planes, stream.recon[0].planes, shaped, strict=True)
        )
        rates.append(float(len(stream.data)))
        qualities.append(-10 * np.log10(error))
    return rates, qualities


def print_parts(frames: list[Frame], maker: MapMaker, preset: int) -> None:
    """Print BD-rates at equal weighted error."""
    percents: dict[str, list[float]] = {name: [] for name, _ in PARTS}
    for frame in frames:
        weights = maker([frame])
        assert weights is not None and weights.profiles is not None
        shaped = [shape_profile(table) for table in weights.profiles[0]]
        anchor = curve(frame, weights, ANCHOR, shaped, preset)
        for name, fields in PARTS:
            found = bd_rate(*anchor, *curve(frame, weights, fields, shaped, preset)).percent
            percents[name].append(float("nan") if found is None else found)
    print(f"BD-rate at equal weighted error, QP {QPS[0]}-{QPS[-1]}, preset {preset}, {len(frames)} pictures, %")
    for name, values in percents.items():
        print(f"  {name:32} {np.mean(values):+6.2f}  ({min(values):+.1f} to {max(values):+.1f})")


def print_additivity(frames: list[Frame], maker: MapMaker, gamma: float) -> None:
    """Print sums of the distortion over blocks of several sizes, relative to those over 8x8 blocks."""
    engine = get_engine("native")
    sizes = (4, 8, 16, 32, 64)
    print(f"\nluma distortion of the blocks' own DCT relative to that of 8x8 blocks, gamma {gamma}")
    for qp in (27, 37, 47):
        of_size: dict[int, list[NDArray[np.float64]]] = {size: [] for size in sizes}
        for frame in frames:
            weights = maker([frame])
            assert weights is not None and weights.profiles is not None
            shaped = shape_profile(weights.profiles[0, 0], gamma)
            recon = engine.encode([frame], None, EncodeSettings(qp=qp, preset=1)).recon[0].planes[0]
            error = frame.with_bit_depth(10).planes[0].astype(np.float64) - recon
            rows, columns = (side // 64 for side in error.shape)
            for size in sizes:
                errors = block_errors(error, profile_weights(shaped, size, size), size)
                per = 64 // size
                errors = errors[: rows * per, : columns * per].reshape(rows, per, columns, per).sum((1, 3))
                of_size[size].append(errors.ravel())
        base = np.concatenate(of_size[8])
        cells = []
        for size in sizes:
            found = np.concatenate(of_size[size])
            cells.append(f"{size}: {found.sum() / base.sum():.3f} (sd {np.std(found / base):.3f})")
        print(f"  QP {qp}   " + "   ".join(cells))


def print_cpu(frames: list[Frame], detector: Path, repeats: int) -> None:
    """Print CPU of encodes and maps with a profile relative to that without."""
    engine = get_engine("native")
    maker = MapMaker(ImportanceSettings(method="none", profile="embedded"))
    print(f"\nuser CPU of a weighted encode with the profile / without, minimum of {repeats}, median of pictures")
    for preset in (1, 2):
        for qp in (27, 37, 47):
            ratios: dict[str, list[float]] = {"balanced": [], "machine": []}
            for frame in frames:
                uniform = maker([frame])
                assert uniform is not None
                weights = dataclasses.replace(activity_map([frame]), profiles=uniform.profiles)
                best = dict.fromkeys(("fidelity", *ratios), float("inf"))
                for _ in range(repeats):
                    for tuning in best:
                        settings = EncodeSettings(qp=qp, preset=preset, tuning=tuning)
                        spent = cpu_seconds(lambda s=settings, f=frame, w=weights: engine.encode([f], w, s), 1)  # type: ignore[misc]
                        best[tuning] = min(best[tuning], spent)
                for tuning, values in ratios.items():
                    values.append(best[tuning] / best["fidelity"])
            cells = "   ".join(f"{name} {np.median(values):.3f}" for name, values in ratios.items())
            print(f"  preset {preset}, QP {qp}: {cells}")
    if not detector.is_file():
        return
    extractor = load_extractor(str(detector))
    print(f"user CPU of a map of {extractor.name} (features, l = 8) with its profile / without")
    found = []
    for frame in frames:
        best_with = best_without = float("inf")
        for _ in range(repeats):
            best_without = min(
                best_without,
                cpu_seconds(lambda f=frame: estimate_map([f], extractor=extractor, proj_dim=8, profile=False), 1),  # type: ignore[misc]
            )
            best_with = min(
                best_with, cpu_seconds(lambda f=frame: estimate_map([f], extractor=extractor, proj_dim=8), 1)  # type: ignore[misc]
            )
        found.append(best_with / best_without)
    print(f"  {np.median(found):.3f} ({min(found):.3f} to {max(found):.3f})")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--pictures", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--preset", type=int, default=1)
    parser.add_argument("--only", choices=MEASURED, nargs="*", default=MEASURED)
    arguments = parser.parse_args()
    files = photographs(arguments.data / "data/coco/train")[40 : 40 + arguments.pictures]
    frames = [load_photograph(file) for file in files]
    maker = MapMaker(ImportanceSettings(method="none", profile="embedded"))
    if "parts" in arguments.only:
        print_parts(frames, maker, arguments.preset)
    if "additivity" in arguments.only:
        for gamma in (0.75, 1.5):
            print_additivity(frames, maker, gamma)
    if "cpu" in arguments.only:
        print_cpu(frames, arguments.data / "data/detectors/yolox_nano.onnx", arguments.repeats)


if __name__ == "__main__":
    main()
