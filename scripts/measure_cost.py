#!/usr/bin/env python3
"""Measures the cost of weights and maps on COCO pictures, in CPU time of one thread.

1. A uniform map must give exactly the bytes of an unweighted encode (units 1, 8 and 64, with and without chroma planes,
   two values, with every weight scope).
2. The ratio of the CPU times of encodes with and without weights: runs alternate, and the figure is the median of the
   ratios of the pairs. `slight` is a map of random weights within 2 % of 1: all code for weights runs, but the stream
   hardly changes, so this is the cost of the weights themselves. `activity` and `yolox_nano` are real maps, which
   change the bytes and therefore the work; the ratio of the bytes is printed too.
3. The CPU time of the map and of the encode for each picture.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from idse.devtools.pictures import load_photograph, photographs
from idse.devtools.tables import align
from idse.engines import EncodeSettings, WeightScope, get_engine
from idse.errors import IdseError
from idse.importance.estimate import activity_map, estimate_map
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame

REPOSITORY = Path(__file__).resolve().parent.parent


def uniform(frame: Frame, log2_unit: int, planes: int, value: float) -> WeightMap:
    """Return a map with the same weight everywhere."""
    rows, columns = -(-frame.height >> log2_unit), -(-frame.width >> log2_unit)
    return WeightMap(
        frame.width, frame.height, log2_unit, np.full((1, planes, rows, columns), value, dtype=np.float32)
    )


def slight(frame: Frame) -> WeightMap:
    """Return a map that is nearly uniform."""
    rows, columns = -(-frame.height >> 3), -(-frame.width >> 3)
    values = np.random.default_rng(0).uniform(0.98, 1.02, (1, 1, rows, columns)).astype(np.float32)
    return WeightMap(frame.width, frame.height, 3, values)


def uniform_is_unweighted(frames: list[Frame], qps: list[int], preset: int) -> tuple[int, list[str]]:
    """Comparisons made, and descriptions of those that failed."""
    engine, count, wrong = get_engine("native"), 0, []
    for number, frame in enumerate(frames):
        for qp in qps:
            plain = engine.encode([frame], None, EncodeSettings(qp=qp, preset=preset)).data
            for log2_unit, planes, value, scope in (
                (3, 1, 1.0, WeightScope.ALL),
                (0, 3, 0.37, WeightScope.ALL),
                (6, 3, 1000.0, WeightScope.RDO),
                (3, 1, 3.0, WeightScope.QUANT),
                (3, 3, 2.0, WeightScope.QP),
            ):
                settings = EncodeSettings(qp=qp, preset=preset, weight_scope=scope)
                data = engine.encode([frame], uniform(frame, log2_unit, planes, value), settings).data
                count += 1
                if data != plain:
                    wrong.append(
                        f"picture {number} QP {qp}, unit 2^{log2_unit}, {planes} planes of {value}, {scope}: "
                        f"{len(data)} bytes instead of {len(plain)}"
                    )
    return count, wrong


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds of this process for some work."""
    began = time.process_time()
    work()
    return time.process_time() - began


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--shared", type=Path, default=REPOSITORY.parent / "shared", help="folder of the development data")
    add("--pictures", type=int, default=4, help="the first N of data/coco/val (4)")
    add("--qps", type=int, nargs="+", default=[27, 37], help="QPs (27 37)")
    add("--repeats", type=int, default=3, help="pairs of runs a picture and QP (3)")
    add("--preset", type=int, default=EncodeSettings().preset, help="the encoder's preset")
    add("--extractors", nargs="*", default=["yolox_nano", "embedded"], help="of the maps that are timed")
    return parser.parse_args()


def weight_cost(
    frames: list[Frame], options: argparse.Namespace, maps: dict[str, list[WeightMap]]
) -> tuple[list[list[str]], float]:
    """Return the rows of the table of ratios, and the CPU seconds of an unweighted encode."""
    engine = get_engine("native")
    rows = [["weights", "median CPU ratio", "of pairs", "quartiles", "bytes"]]
    plain_seconds: list[float] = []
    for name, weights in maps.items():
        ratios, sizes = [], [0, 0]
        for frame, weight in zip(frames, weights, strict=True):
            for qp in options.qps:
                settings = EncodeSettings(qp=qp, preset=options.preset)
                for repeat in range(options.repeats):
                    pair = [0.0, 0.0]
                    for which in (0, 1) if repeat % 2 == 0 else (1, 0):
                        began = time.process_time()
                        stream = engine.encode([frame], weight if which else None, settings)
                        pair[which] = time.process_time() - began
                        sizes[which] += len(stream.data)
                    ratios.append(pair[1] / pair[0])
                    plain_seconds.append(pair[0])
        low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else (ratios[0],) * 3
        median = statistics.median(ratios)
        rows.append(
            [name, f"{median:.3f}", str(len(ratios)), f"{low:.3f}..{high:.3f}", f"x{sizes[1] / sizes[0]:.3f}"]
        )
    return rows, statistics.mean(plain_seconds)


def map_cost(
    frames: list[Frame], options: argparse.Namespace
) -> tuple[list[list[str]], dict[str, list[WeightMap]]]:
    """Return the rows of the table of map times, and the maps with l = 4."""
    from idse.features.loading import load_extractor

    rows = [["map", "CPU s a picture"]]
    maps: dict[str, list[WeightMap]] = {"activity": [activity_map([frame]) for frame in frames]}
    seconds = [cpu(functools.partial(activity_map, [frame])) for frame in frames]
    rows.append(["activity", f"{statistics.mean(seconds):.3f}"])
    for name in options.extractors:
        file = options.shared / "data" / "detectors" / f"{name}.onnx"
        extractor = load_extractor(str(file) if file.is_file() else name, device="cpu")
        estimate_map(frames[:1], extractor=extractor, proj_dim=2)  # warms up
        for proj_dim in (2, 4, 8):
            seconds = []
            for frame in frames:
                began = time.process_time()
                made = estimate_map([frame], extractor=extractor, proj_dim=proj_dim)
                seconds.append(time.process_time() - began)
                if proj_dim == 4:
                    maps.setdefault(name, []).append(made)
            rows.append([f"{name} l={proj_dim}", f"{statistics.mean(seconds):.3f}"])
    return rows, maps


def main() -> int:
    """Run the command."""
    options = parse()
    try:
        import torch

        torch.set_num_threads(1)
        engine = get_engine("native")
        folder = options.shared / "data" / "coco" / "val"
        frames = [load_photograph(path) for path in photographs(folder)[: options.pictures]]
        print(
            f"encoder: native {engine.version}, preset {options.preset}, one thread; "
            f"{len(frames)} pictures, QP {options.qps}\n"
        )
        count, wrong = uniform_is_unweighted(frames, options.qps, options.preset)
        print(f"uniform map against no map: {count - len(wrong)} of {count} streams equal, byte by byte")
        print("".join(f"  {line}\n" for line in wrong))
        map_rows, maps = map_cost(frames, options)
        ratio_rows, encode = weight_cost(frames, options, {"slight": [slight(f) for f in frames], **maps})
    except IdseError as error:
        print(f"measure_cost.py: {error}", file=sys.stderr)
        return 2
    print(align(ratio_rows) + "\n")
    print(align([*map_rows, ["encode without weights", f"{encode:.3f}"]]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
