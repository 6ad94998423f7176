"""Measures how long the report of a large sweep takes, and how large its page is.

    python benchmarks/report_size.py [--codecs 25] [--qps 5] [--pictures 80] [--photographs FOLDER]

Writes a store of synthetic results (codecs x QPs x pictures rows, two detectors, 80 classes) into a temporary folder,
runs `idse report` on it as a user would, and prints rows, seconds (wall, and CPU of that process) and megabytes.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from synthetic_store import Synthetic, make_store

from idse.detectors import COCO_CLASSES

SIZE = (640, 480)


def photographs(count: int, folder: Path | None) -> list[np.ndarray]:
    """Return pictures of 640x480: those of a folder, or parts of scikit-image's photographs."""
    if folder is not None:
        sources = [np.asarray(Image.open(p).convert("RGB")) for p in sorted(folder.glob("*.jpg"))[:count]]
    else:
        from skimage import data

        sources = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    rng = np.random.default_rng(0)
    made = []
    for i in range(count):
        source = sources[i % len(sources)]
        share = rng.uniform(0.6, 1.0) if i >= len(sources) or folder is None else 1.0
        fit = min(source.shape[0] / SIZE[1], source.shape[1] / SIZE[0]) * share
        height, width = int(SIZE[1] * fit), int(SIZE[0] * fit)
        y, x = rng.integers(0, source.shape[0] - height + 1), rng.integers(0, source.shape[1] - width + 1)
        part = Image.fromarray(source[y : y + height, x : x + width])
        made.append(np.asarray(part.resize(SIZE, Image.Resampling.LANCZOS)))
    return made


def codecs(count: int) -> list[Synthetic]:
    """Return codecs: an anchor, families with several values of tau, and others."""
    made = [Synthetic("plain")]
    for i, (family, tau) in enumerate(itertools.product(("eye", "lynx", "owl"), (0.05, 0.1, 0.2, 0.4, 0.8))):
        gain = (6 - i // 5) / (1 + 3 * tau)
        made.append(
            Synthetic(f"{family} tau={tau}", rate=1 + 0.01 * gain, machine=gain, tau=tau, family=family)
        )
    made += [Synthetic(f"other {i}", rate=1 + 0.03 * i, machine=0.3 * i) for i in range(1, count)]
    return made[:count]


def main() -> None:
    """Make the store, run the command and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--codecs", type=int, default=25)
    parser.add_argument("--qps", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=80)
    parser.add_argument("--photographs", type=Path, help="folder of JPEG files instead of scikit-image's")
    parser.add_argument("--keep", type=Path, help="an empty folder to leave the store and the page in")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = wanted.keep or Path(temporary)
        qps = np.linspace(22, 42, wanted.qps).round().astype(int).tolist()
        began = time.perf_counter()
        pictures = photographs(wanted.pictures, wanted.photographs)
        store = make_store(
            folder, codecs(wanted.codecs), pictures, qps=qps, streams=6, classes=COCO_CLASSES, wrong=25
        )
        print(f"store: {wanted.codecs * wanted.qps * wanted.pictures} rows, {store.stat().st_size / 2**20:.1f} MB, "
              f"made in {time.perf_counter() - began:.0f} s")  # fmt: skip
        page = folder / "report.html"
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "idse", "report", str(store), "-o", str(page)], check=True)
        wall = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = used.ru_utime + used.ru_stime
        print(f"page: {page.stat().st_size / 2**20:.1f} MB in {wall:.1f} s wall, {seconds:.1f} s CPU, "
              f"{used.ru_maxrss / 2**10:.0f} MB of memory")  # fmt: skip


if __name__ == "__main__":
    main()
