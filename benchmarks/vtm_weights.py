"""Measures the cost of weights in VTM: the ratio of the user CPU times with and without them, in pairs of encodes.

Run from the repository: `python -m benchmarks.vtm_weights --vtm-root DIR --data SHARED` (with data/coco/val in it).
Both encodes of a pair have LMCS off; their order alternates. `equal weights` is a map of two weights that differ by a
hundredth. It causes the same work as any map and nearly the decisions of an unweighted encode, so it shows the cost of
the weighting itself.
"""

from __future__ import annotations

import argparse
import resource
from pathlib import Path

import numpy as np

from idse.devtools.pictures import load_photograph
from idse.engines import EncodeSettings
from idse.importance.estimate import activity_map
from idse.importance.maker import ImportanceSettings, MapMaker
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame
from idse.vtm.engine import VtmEngine
from idse.vtm.options import VtmOptions


def children_cpu() -> float:
    """Return the user CPU seconds of the child processes that have ended."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime


def nearly_uniform(frame: Frame) -> WeightMap:
    """Return a map with a checkerboard of 1 and 1.01 on 8x8 cells in three planes."""
    rows, cols = -(-frame.height // 8), -(-frame.width // 8)
    board = 1 + 0.01 * (np.add.outer(np.arange(rows), np.arange(cols)) % 2)
    return WeightMap(
        frame.width, frame.height, 3, np.broadcast_to(board, (1, 3, rows, cols)).astype(np.float32)
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vtm-root", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--pictures", type=int, default=3)
    parser.add_argument("--qps", type=int, nargs="+", default=[32, 42])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--detector", help="also with the map of this detector: embedded, or an ONNX file")
    arguments = parser.parse_args()
    maker = MapMaker(ImportanceSettings(detector=arguments.detector)) if arguments.detector else None
    engine = VtmEngine(arguments.vtm_root, options=VtmOptions(lmcs=False))
    paths = sorted((arguments.data / "data/coco/val").glob("*.jpg"))[: arguments.pictures]

    def seconds(frame: Frame, weights: WeightMap | None, raw: bool, qp: int) -> float:
        start = children_cpu()
        # The default shaping would remove the small differences of the checkerboard.
        settings = EncodeSettings(qp=qp, exponent=1.0, tau=0.0) if raw else EncodeSettings(qp=qp)
        engine.encode([frame], weights, settings)
        return children_cpu() - start

    totals: dict[str, float] = {}
    for number in range(arguments.rounds):
        for path in paths:
            frame = load_photograph(path)
            maps: dict[str, WeightMap | None] = {
                "none": None,
                "equal weights": nearly_uniform(frame),
                "activity": activity_map([frame]),
            }
            if maker is not None:
                maps["detector"] = maker([frame])
            for qp in arguments.qps:
                names = list(maps) if (number + qp) % 2 == 0 else list(maps)[::-1]
                for name in names:
                    totals[name] = totals.get(name, 0.0) + seconds(
                        frame, maps[name], name == "equal weights", qp
                    )
    print(
        f"VTM {engine.version}, {len(paths)} pictures, QP {arguments.qps}, {arguments.rounds} rounds, user CPU seconds"
    )
    for name, total in totals.items():
        print(f"{name:14} {total:8.1f} s  {100 * (total / totals['none'] - 1):+.1f} %")


if __name__ == "__main__":
    main()
