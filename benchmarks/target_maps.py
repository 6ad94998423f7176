"""Prints the time and memory of maps by target, rows and rounds, beside those of the encode that uses them.

Run from the repository: `python -m benchmarks.target_maps --data SHARED` (with data/detectors and data/coco/val in it).
Times are user CPU seconds of one thread for a 640x480 picture (minimum of the repeats). Memory is the peak of a fresh
process that loads the network and makes one map, beside that of one that only loads the network.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.weight_map import cpu_seconds
from idse.engines import EncodeSettings, get_engine
from idse.engines.first_pass import decoded_frames
from idse.importance.maker import ImportanceSettings, MapMaker
from idse.media.frame import Frame

SIZE = (640, 480)
QP = 37
CASES: tuple[tuple[str, dict[str, object]], ...] = (
    ("features, l = 4", {"target": "features", "proj_dim": 4}),
    ("features, l = 8", {"target": "features", "proj_dim": 8}),
    ("detections, l = 4", {"target": "detections", "proj_dim": 4}),
    ("detections, l = 8", {"target": "detections", "proj_dim": 8}),
    ("both, l = 4", {"target": "both", "proj_dim": 4}),
    ("both, l = 8", {"target": "both", "proj_dim": 8}),
    ("both, l = 16", {"target": "both", "proj_dim": 16}),
    ("both, l = 4, 4 rounds, sigma 3", {"target": "both", "proj_dim": 4, "rounds": 4, "noise_sigma": 3.0}),
    ("both, l = 4, 16 rounds, sigma 3", {"target": "both", "proj_dim": 4, "rounds": 16, "noise_sigma": 3.0}),
    ("both, l = 8, two passes", {"target": "both", "proj_dim": 8, "passes": 2}),
)


def peak_mebibytes(settings: ImportanceSettings, frames: list[Frame], with_map: bool) -> float:
    """Return the peak memory of a fresh process that loads the network and, if wanted, makes a map."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_peak, (settings, frames, with_map))


def _peak(settings: ImportanceSettings, frames: list[Frame], with_map: bool) -> float:
    maker = MapMaker(settings)
    maker.load()
    if with_map:
        maker(frames, decoded=frames)
    # ru_maxrss would include the parent's memory at the fork, even after the exec.
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="names of detectors; by default all three")
    arguments = parser.parse_args()
    picture = min((arguments.data / "data/coco/val").glob("*.jpg"))
    frames = [Frame.from_rgb(np.asarray(Image.open(picture).convert("RGB").resize(SIZE)))]
    engine = get_engine("native")

    print(f"{SIZE[0]}x{SIZE[1]}, QP {QP}, one thread, user CPU seconds (minimum of {arguments.repeats})\n")
    print(f"first pass: {cpu_seconds(lambda: decoded_frames(frames, EncodeSettings(qp=QP)), arguments.repeats):.2f} s")
    for preset in (0, 1, 2):
        settings = EncodeSettings(qp=QP, preset=preset)
        seconds = cpu_seconds(lambda s=settings: engine.encode(frames, None, s), arguments.repeats)  # type: ignore[misc]
        print(f"encode, preset {preset}: {seconds:.2f} s")
    detectors = [str(arguments.data / f"data/detectors/{name}.onnx") for name in ("yolox_nano", "nanodet_m")]
    for detector in [*detectors, "embedded"]:
        if arguments.only and Path(detector).stem not in arguments.only:
            continue
        print(f"\n{Path(detector).stem}")
        memory = ImportanceSettings(detector=detector)
        print(f"{'network loaded':34}           {peak_mebibytes(memory, frames, False):5.0f} MiB")
        for label, fields in CASES if detector != "embedded" else CASES[:1] + CASES[4:5]:
            maker = MapMaker(ImportanceSettings(detector=detector, **fields))  # type: ignore[arg-type]
            maker.load()
            seconds = cpu_seconds(lambda m=maker: m(frames, decoded=frames), arguments.repeats)  # type: ignore[misc]
            peak = peak_mebibytes(maker.settings, frames, True)
            print(f"{label:34} {seconds:5.2f} s   {peak:5.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
