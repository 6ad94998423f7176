#!/usr/bin/env python3
"""Checks that VTM in this process (`idse._vtm`) gives the executable's bytes and does not leak memory.

Codes a synthetic picture alternately with and without a weight map, compares the bytes with those of the executable of
the same checkout, ends one encode early, and prints the process's memory after each encode. The exit status is 1 if
bytes differ or memory grows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import idse._vtm as _vtm
from idse.engines import EncodeSettings
from idse.importance.weight_map import WeightMap
from idse.media import raw
from idse.media.frame import Frame
from idse.vtm.command import Files, arguments
from idse.vtm.options import VtmOptions
from idse.vtm.tree import VtmTree

SETTLED = 5  # memory is compared from this encode on
ALLOWED_MIB = 4.0


def resident() -> float:
    """Return the memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def picture(width: int, height: int, frames: int) -> list[Frame]:
    """Return a picture of smooth shapes and noise, which is always the same."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:height, 0:width]
    made = []
    for number in range(frames):
        waves = [127 + 100 * np.sin(x / (9 + c) + number) * np.cos(y / (13 - c)) for c in range(3)]
        rgb = np.stack(waves, -1) + rng.normal(0, 6, (height, width, 3))
        made.append(Frame.from_rgb(np.clip(rgb, 0, 255).astype(np.uint8)))
    return made


def weight_map(width: int, height: int, frames: int) -> WeightMap:
    """Return random weights on 8x8 cells."""
    rng = np.random.default_rng(2)
    shape = (frames, 3, -(-height // 8), -(-width // 8))
    return WeightMap(width, height, 3, np.exp(rng.normal(0, 1.5, shape)).astype(np.float32))


class Bench:
    """One input in a folder, which is coded with and without weights."""

    def __init__(self, folder: Path, width: int, height: int, frames: int, qp: int) -> None:
        self.tree = VtmTree.open(Path(_vtm.root()))
        self.files = Files(folder)
        self.settings = EncodeSettings(qp=qp)
        self.frames = picture(width, height, frames)
        with self.files.source.open("wb") as target:
            raw.write_frames(target, self.frames)
        weight_map(width, height, frames).save(self.files.weights)

    def arguments(self, weighted: bool) -> list[str]:
        """Return the arguments for the executable and the module."""
        tools = ("all",) if weighted else None
        return arguments(
            self.tree,
            self.files,
            self.frames[0],
            len(self.frames),
            self.settings,
            VtmOptions(),
            tools,
            patched=True,
        )

    def inside(self, weighted: bool, progress: Callable[[int, int, int], bool] | None = None) -> bytes:
        """Code it in this process."""
        self.files.stream.unlink(missing_ok=True)
        _vtm.encode(self.arguments(weighted), progress, lambda _line: None)
        return self.files.stream.read_bytes() + self.files.recon.read_bytes()

    def outside(self, weighted: bool) -> bytes:
        """Code it with the executable."""
        assert self.tree.executable is not None, "the checkout has no EncoderApp"
        self.files.stream.unlink(missing_ok=True)
        subprocess.run(
            [str(self.tree.executable), *self.arguments(weighted)], check=True, stdout=subprocess.DEVNULL
        )
        return self.files.stream.read_bytes() + self.files.recon.read_bytes()


def main() -> int:
    """Run it.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--encodes", type=int, default=20)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--height", type=int, default=96)
    parser.add_argument("--frames", type=int, default=1)
    parser.add_argument("--qp", type=int, default=37)
    parser.add_argument("--interrupt-each", action="store_true", help="end an encode half-way before each")
    given = parser.parse_args()

    failed = False
    with tempfile.TemporaryDirectory(prefix="idse-vtm-") as folder:
        bench = Bench(Path(folder).resolve(), given.width, given.height, given.frames, given.qp)
        print(f"VTM {_vtm.version()} at {_vtm.root()}, {given.width}x{given.height}, QP {given.qp}")
        expected = {weighted: bench.outside(weighted) for weighted in (False, True)}
        print(f"executable: {len(expected[False])} bytes without map, {len(expected[True])} with")
        memory = []
        for number in range(1, given.encodes + 1):
            weighted = number % 2 == 1
            if given.interrupt_each or number == SETTLED:
                try:
                    bench.inside(not weighted, lambda done, total, _poc: done < total // 2)
                except RuntimeError as error:
                    print(f"     ended half-way: {error}")
                else:
                    failed = True
                    print("     an encode that was to be ended was not")
            began = time.perf_counter()
            same = bench.inside(weighted) == expected[weighted]
            seconds = time.perf_counter() - began
            memory.append(resident())
            failed |= not same
            print(
                f"{number:4d} {'with map' if weighted else 'no map':8s} same bytes {'yes' if same else 'NO'} "
                f"{seconds:6.2f} s, memory {memory[-1]:7.1f} MiB",
                flush=True,
            )
        growth = memory[-1] - memory[min(SETTLED, len(memory)) - 1]
        failed |= growth > ALLOWED_MIB
        print(f"memory grew by {growth:.1f} MiB from encode {SETTLED} to {given.encodes}")
    print("failed" if failed else "as the executable")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
