"""Prints the figures of docs/weight-map.md: CPU time of a map, ratio of chroma to luma, agreement of maps.

Run from the repository: `python -m benchmarks.weight_map --data SHARED` (with data/detectors and data/coco/val in it).
"""

from __future__ import annotations

import argparse
import functools
import platform
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from idse.features.loading import load_extractor
from idse.importance.estimate import activity_map, estimate_map
from idse.importance.shaping import shape_frame
from idse.media.frame import Frame

DETECTORS = ("yolox_nano", "nanodet_m")


def cpu_seconds(action: Callable[[], object], repeats: int = 5) -> float:
    """Return the minimum user CPU time of `repeats` runs, after one run to warm up."""
    action()
    times = []
    for _ in range(repeats):
        start = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        action()
        times.append(resource.getrusage(resource.RUSAGE_SELF).ru_utime - start)
    return min(times)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation of the logarithms."""
    return float(np.corrcoef(np.log(a.ravel() + 1e-12), np.log(b.ravel() + 1e-12))[0, 1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--pictures", type=int, default=24)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"torch {torch.__version__}, {platform.machine()}, 1 thread, rademacher, seed 0, 8x8 cells, clip 99.5 %"
    )
    paths = sorted((arguments.data / "data/coco/val").glob("*.jpg"))[: arguments.pictures]
    pictures = [Image.open(p).convert("RGB") for p in paths]
    frames = [Frame.from_rgb(np.asarray(p)) for p in pictures]
    timed = [Frame.from_rgb(np.asarray(pictures[0].resize((640, 480))))]
    detectors = {
        name: load_extractor(arguments.data / f"data/detectors/{name}.onnx", device="cpu")
        for name in DETECTORS
    }
    everything = {**detectors, "embedded": load_extractor("embedded", device="cpu")}

    print(f"\nactivity: {cpu_seconds(lambda: activity_map(timed)):.3f} s user CPU at 640x480")
    for name, extractor in everything.items():
        for l_rows in (2, 4, 8):
            seconds = cpu_seconds(
                functools.partial(estimate_map, timed, extractor=extractor, proj_dim=l_rows)
            )
            print(f"{name}, l = {l_rows}: {seconds:.3f} s user CPU at 640x480")

    print(
        f"\nchroma over luma sensitivity per sample, l = 4, {len(frames)} pictures: mean (range) of Cb, Cr; QP offsets"
    )
    for name, extractor in everything.items():
        maps = [estimate_map([f], extractor=extractor).planes[0] for f in frames]
        ratio = np.array([m[1:].mean((1, 2)) / m[0].mean() for m in maps])
        offsets = -3 * np.log2(np.array([shape_frame(m)[1] for m in maps])).mean(0)
        spans = [f"{r.mean():.2f} ({r.min():.2f} .. {r.max():.2f})" for r in ratio.T]
        print(f"{name}: {', '.join(spans)}; {', '.join(f'{o:.1f}' for o in offsets)}")

    rows = []
    for frame in frames[:8]:
        yolox, nanodet = (
            estimate_map([frame], extractor=e).planes[0, 0] for e in (detectors[n] for n in DETECTORS)
        )
        other = estimate_map([frame], extractor=detectors["yolox_nano"], seed=1).planes[0, 0]
        many = estimate_map([frame], extractor=detectors["yolox_nano"], proj_dim=32).planes[0, 0]
        small = estimate_map([frame], extractor=everything["embedded"]).planes[0, 0]
        activity = activity_map([frame]).planes[0, 0]
        pairs = (
            (yolox, many), (yolox, other), (yolox, nanodet), (yolox, activity), (nanodet, activity), (yolox, small),
            (nanodet, small),
        )  # fmt: skip
        rows.append([correlation(a, b) for a, b in pairs])
    labels = (
        "l = 4 / 32", "two seeds", "yolox / nanodet", "yolox / activity", "nanodet / activity", "yolox / embedded",
        "nanodet / embedded",
    )  # fmt: skip
    print("\ncorrelation of log weights, 8 pictures")
    for label, value in zip(labels, np.mean(rows, 0), strict=True):
        print(f"{label}: {value:.2f}")


if __name__ == "__main__":
    main()
