"""Measures coding at a smaller size: fixed sizes and `--scale auto` against the full size.

Run from the repository: `python -m benchmarks.scale_choice --data SHARED` (with data/detectors and data/coco in it).
All streams are the native encoder's with YOLOX-nano's map of features and detections (l = 4). fYX and fND are feature
distances in dB, pYX and pND pooled AP against the detections on the source, of YOLOX-nano and NanoDet-m. "auto" is
chosen by YOLOX-nano, "auto, embedded" by the built-in detector; the rows of auto are coded at the QP that the choice
gives. "front" is the Pareto front of all fixed sizes of the whole data set.

With --agreement it prints instead, on pictures of coco/train, how often other detectors choose the size that
YOLOX-nano and NanoDet-m choose by themselves, and by how much the distance of the chosen size exceeds the least one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from idse.detectors import Detector, load_by_name
from idse.devtools.tables import align
from idse.engines import EncodeSettings
from idse.engines.native import NativeEngine
from idse.features.loading import load_extractor
from idse.importance.maker import ImportanceSettings, MapMaker
from idse.media.frame import Frame, decoded_rgb
from idse.media.io import read_frames
from idse.media.scaling import coded_size, scaled
from idse.metrics.average_precision import PrecisionCurves
from idse.metrics.bd_rate import bd_rate
from idse.metrics.detection import pseudo_truth
from idse.metrics.features import feature_error
from idse.metrics.matching import Matches, match
from idse.metrics.pareto import pareto_front
from idse.progress import Progress
from idse.sizing.choice import SIZES, SizeChoice, choose_size
from idse.sizing.distance import DetectorDistance

QPS = (27, 32, 37, 42, 47)
PSEUDO_SCORE = 0.3
PRINTED_EVERY = 4
"""Pictures between tables."""
MEASURES = ("fYX", "fND", "pYX", "pND")


class Cell(NamedTuple):
    """One coded picture: its bytes, and for each detector the feature distance in dB and the matches."""

    bytes: int
    features: tuple[float, ...]
    matches: tuple[Matches, ...]


class Picture:
    """A source picture with everything that its cells share.

    Args:
        path: Its file.
        maker: Makes its maps.
        detectors: Measure decoded pictures.
        preset: Of the encodes.
    """

    def __init__(self, path: Path, maker: MapMaker, detectors: Sequence[Detector], preset: int) -> None:
        self.source = read_frames(path)[0]
        self._maker, self._detectors, self._preset = maker, detectors, preset
        rgb = self.source.to_rgb(as_float=True)
        self._seen = [detector.observe([rgb])[0] for detector in detectors]
        self._sized: dict[int, tuple[Frame, Any]] = {}
        self._cells: dict[tuple[int, int], Cell] = {}

    def cell(self, scale: int, qp: int) -> Cell:
        """Code the picture at a size and QP, decode it, scale it back and measure it."""
        if (scale, qp) not in self._cells:
            self._cells[scale, qp] = self._measure(scale, qp)
        return self._cells[scale, qp]

    def _measure(self, scale: int, qp: int) -> Cell:
        width, height = self.source.width, self.source.height
        if scale not in self._sized:
            small = scaled(self.source, *coded_size(width, height, scale))
            self._sized[scale] = small, self._maker([small])
        small, weights = self._sized[scale]
        stream = NativeEngine().encode([small], weights, EncodeSettings(qp=qp, preset=self._preset))
        rgb = decoded_rgb(scaled(stream.recon[0], width, height), self.source.bit_depth, as_float=True)
        features, matches = [], []
        for detector, seen in zip(self._detectors, self._seen, strict=True):
            got = detector.observe([rgb])[0]
            features.append(feature_error(seen.features, got.features).distance_db)
            truth = pseudo_truth(seen.detections, PSEUDO_SCORE)
            matches.append(match(got.detections, truth, len(detector.classes)))
        return Cell(len(stream.data), tuple(features), tuple(matches))


def pooled(cells: Sequence[Cell], detectors: Sequence[Detector]) -> tuple[int, tuple[float, ...]]:
    """Return the bytes of a point, and its values of `MEASURES`."""
    precision = [
        PrecisionCurves([cell.matches[i] for cell in cells], len(d.classes)).pooled()
        for i, d in enumerate(detectors)
    ]
    features = np.mean([cell.features for cell in cells], axis=0)
    return sum(cell.bytes for cell in cells), (*features.tolist(), *precision)


def distances(folder: Path, detectors: Sequence[str], target: str) -> DetectorDistance:
    """Return the distance of detectors, given by "embedded" or the name of a file in a folder."""
    names = "+".join(d if d == "embedded" else str(folder / f"{d}.onnx") for d in detectors)
    settings = ImportanceSettings(detector=names, target=target, device="cpu")
    return DetectorDistance(settings, lambda name, _weights, device, _nodes: load_extractor(name, device=device))


def rate_table(data: Path, paths: Sequence[Path], preset: int) -> None:
    """Measure and print all points, and the BD-rates against 100 %."""
    folder = data / "data/detectors"
    detectors = [load_by_name(str(folder / f"{name}.onnx"), device="cpu") for name in ("yolox_nano", "nanodet_m")]
    maker = MapMaker(
        ImportanceSettings(detector=str(folder / "yolox_nano.onnx"), target="both", device="cpu")
    )
    judges = {
        "auto": distances(folder, ["yolox_nano"], "both"),
        "auto, embedded": distances(folder, ["embedded"], "both"),
    }
    rows: dict[tuple[str, int], list[Cell]] = {}
    chosen: dict[tuple[str, int], list[int]] = {}
    spent = dict.fromkeys(judges, 0.0)
    progress = Progress("pictures", len(paths))
    for number, path in enumerate(paths, 1):
        picture = Picture(path, maker, detectors, preset)
        for qp in QPS:
            for scale in SIZES:
                rows.setdefault((f"{scale} %", qp), []).append(picture.cell(scale, qp))
            for name, judge in judges.items():
                began = time.process_time()
                choice = choose_size([picture.source], EncodeSettings(qp=qp), judge.of)
                spent[name] += time.process_time() - began
                rows.setdefault((name, qp), []).append(picture.cell(choice.scale, choice.qp or 0))
                chosen.setdefault((name, qp), []).append(choice.scale)
        progress(number)
        if number == len(paths):
            print(tables(rows, chosen, detectors, list(judges)))
            means = ", ".join(f"{name}: {s / (number * len(QPS)):.2f}" for name, s in spent.items())
            print(f"\nCPU seconds of a choice: {means}")
        elif number % PRINTED_EVERY == 0:  # on standard error: the run is long
            print(tables(rows, chosen, detectors, list(judges)), file=sys.stderr, flush=True)


def tables(
    rows: Mapping[tuple[str, int], Sequence[Cell]],
    chosen: Mapping[tuple[str, int], Sequence[int]],
    detectors: Sequence[Detector],
    judges: Sequence[str],
) -> str:
    """Return the table of points and that of BD-rates.

    Args:
        rows: The cells of every row's pictures, by name and QP.
        chosen: The sizes chosen, for the rows of judges.
        detectors: Those of the cells.
        judges: Names of the rows of chosen sizes.
    """
    points = {key: pooled(cells, detectors) for key, cells in rows.items()}
    fixed = [f"{scale} %" for scale in SIZES]
    table = [["", "QP", "bytes", *MEASURES, "sizes chosen"]]
    for name in (*fixed, *judges):
        for qp in QPS:
            size, values = points[name, qp]
            picks = chosen.get((name, qp), ())
            counts = "  ".join(f"{s}: {picks.count(s):2}" for s in SIZES) if picks else ""
            table.append([name, str(qp), str(size), *[f"{v:.3f}" for v in values], counts])
    curves = {name: [points[name, qp] for qp in QPS] for name in (*fixed, *judges)}
    savings = [["BD-rate against 100 %", *MEASURES]]
    for name in (*fixed[1:], *judges):
        savings.append([name, *[_saving(curves["100 %"], curves[name], i) for i in range(len(MEASURES))]])
    everything = [p for name in fixed for p in curves[name]]
    fronts = [
        [everything[k] for k in pareto_front([p[0] for p in everything], [p[1][i] for p in everything])]
        for i in range(len(MEASURES))
    ]
    savings.append(["front", *[_saving(curves["100 %"], front, i) for i, front in enumerate(fronts)]])
    return f"{align(table)}\n\n{align(savings)}"


def _saving(
    anchor: Sequence[tuple[int, tuple[float, ...]]], test: Sequence[tuple[int, tuple[float, ...]]], measure: int
) -> str:
    percent = bd_rate(
        [p[0] for p in anchor], [p[1][measure] for p in anchor], [p[0] for p in test], [p[1][measure] for p in test]
    ).percent
    return "n/a" if percent is None else f"{percent:+.1f}"


def agreement_table(data: Path, paths: Sequence[Path]) -> None:
    """Print how the choices of other judges compare with those of YOLOX-nano's and NanoDet-m's features."""
    folder = data / "data/detectors"
    named = {
        "yolox_nano, features": distances(folder, ["yolox_nano"], "features"),
        "yolox_nano, detections": distances(folder, ["yolox_nano"], "detections"),
        "nanodet_m, features": distances(folder, ["nanodet_m"], "features"),
        "nanodet_m, detections": distances(folder, ["nanodet_m"], "detections"),
        "embedded, both": distances(folder, ["embedded"], "both"),
    }
    found: list[list[list[float]]] = []
    progress = Progress("pictures", len(paths))
    for number, path in enumerate(paths, 1):
        source = read_frames(path)[0]
        for qp in QPS:
            choice = choose_size([source], EncodeSettings(qp=qp), _all(list(named.values())))
            found.append(_relative(choice))
        progress(number)
    labels = [*named, "squared error of samples"]
    costs = np.array(found)  # [cases, sizes, judges], 1 at 100 %
    choices = costs.argmin(axis=1)
    wanted = [0, 1, 2, 3]
    table = [["chosen by", *[f"{s} %" for s in SIZES], *[f"for {labels[i]}" for i in wanted]]]
    for j, label in enumerate(labels):
        picks = choices[:, j]
        cells = []
        for i in wanted:
            own = costs[:, :, i]
            excess = np.take_along_axis(own, picks[:, None], 1)[:, 0] / own.min(axis=1)
            cells.append(f"{100 * (picks == choices[:, i]).mean():.0f} % {10 * np.log10(excess).mean():.2f} dB")
        table.append([label, *[str(int((picks == k).sum())) for k in range(len(SIZES))], *cells])
    whole = 10 * np.log10(1 / costs.min(axis=1)).mean(axis=0)
    table.append(["always 100 %", *[""] * len(SIZES), *[f"{whole[i]:.2f} dB" for i in wanted]])
    print(f"{len(paths)} pictures at QP {', '.join(map(str, QPS))}; agreement, and mean excess of the distance")
    print(align(table))


def _all(judges: Sequence[DetectorDistance]) -> Callable[[Frame], Callable[[Frame], list[float]]]:
    """All judges' distances, then that of the samples."""
    from idse.importance.planes import planes_to_rgb, planes_to_tensors

    def of(source: Frame) -> Callable[[Frame], list[float]]:
        functions = [judge.of(source) for judge in judges]

        def rgb(frame: Frame) -> torch.Tensor:
            return planes_to_rgb(planes_to_tensors(frame), source).clamp(0, 1)

        def distances_of(decoded: Frame) -> list[float]:
            values = [d for function in functions for d in function(decoded)]
            return [*values, float((rgb(decoded) - rgb(source)).square().sum())]

        return distances_of

    return of


def _relative(choice: SizeChoice) -> list[list[float]]:
    whole = np.array(choice.trials[0].distances)
    return [(np.array(t.distances) / whole).tolist() for t in choice.trials]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--preset", type=int, default=2, help="of the native encoder (default: 2, medium)")
    parser.add_argument("--agreement", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    part = "train" if arguments.agreement else "val"
    paths = sorted((arguments.data / f"data/coco/{part}").glob("*.jpg"))[: arguments.pictures]
    if arguments.agreement:
        agreement_table(arguments.data, paths)
    else:
        rate_table(arguments.data, paths, arguments.preset)


if __name__ == "__main__":
    main()
