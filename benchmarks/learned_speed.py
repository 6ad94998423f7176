"""Measures encode and decode times of learned codecs, native VVC and x265: CPU seconds per megapixel, in one thread.

Run from the repository: `python -m benchmarks.learned_speed runs/hyperprior/codec.idsec ...`. All codecs code one
picture before the next one, so that other load on the machine affects all of them alike; figures are medians over
pictures and rounds. Learned codecs are measured at their middle point; VVC and HEVC are decoded by FFmpeg. The rate is
printed with the times, because they depend on it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections import defaultdict
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch

from idse.devtools.pictures import CONVERSION, load_photograph, photographs
from idse.engines import EncodeSettings, Engine, get_engine
from idse.media.frame import Frame


def measure(engine: Engine, frame: Frame, qp: int) -> tuple[float, float, float]:
    """Return the bits and the CPU seconds of encoding and decoding per luma sample."""
    began = time.process_time()
    stream = engine.encode([frame], None, EncodeSettings(qp=qp))
    encode = time.process_time() - began if stream.cpu_seconds is None else stream.cpu_seconds
    began = time.process_time()
    decoded = engine.decode(stream.data, frame)
    decode = time.process_time() - began
    if any((a != b).any() for a, b in zip(decoded[0].planes, stream.recon[0].planes, strict=True)):
        raise SystemExit(f"{engine.name}: the decoder gives another picture than the encoder says")
    samples = frame.width * frame.height
    return 8 * len(stream.data) / samples, encode / samples, decode / samples


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("codecs", type=Path, nargs="+", metavar="CODEC.idsec")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data/kodak")
    parser.add_argument("--pictures", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--qp", type=int, default=37, help="QP of native and x265")
    arguments = parser.parse_args()
    rows: dict[str, tuple[Engine, int]] = {
        "native VVC, medium": (get_engine("native"), arguments.qp),
        "x265, medium": (get_engine("x265", preset="medium"), arguments.qp),
    }
    for path in arguments.codecs:
        learned = get_engine("learned", codec=path)
        rows[str(path)] = learned, learned.qp_range[1] // 2
    frames = [load_photograph(path) for path in photographs(arguments.data)[: arguments.pictures]]
    found: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for engine, qp in rows.values():
        measure(engine, frames[0], qp)  # loads and initialises everything that is used again
    for _ in range(arguments.rounds):
        for frame in frames:
            for name, (engine, qp) in rows.items():
                found[name].append(measure(engine, frame, qp))
    size = f"{frames[0].width}x{frames[0].height}"
    print(f"{len(frames)} pictures ({size}, {CONVERSION}), {arguments.rounds} rounds, medians")
    width = max(map(len, rows))
    print(f"{'codec':{width}}  point   bpp    encode s/MP  decode s/MP")
    for name, (engine, qp) in rows.items():
        bpp, encode, decode = (statistics.median(column) for column in zip(*found[name], strict=True))
        print(
            f"{name:{width}}  {qp:5}  {bpp:6.3f}  {1e6 * encode:11.3f}  {1e6 * decode:11.3f}  {engine.version}"
        )


if __name__ == "__main__":
    main()
