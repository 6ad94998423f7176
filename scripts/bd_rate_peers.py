#!/usr/bin/env python3
"""Compares the coding efficiency of the native encoder with its peers: Y BD-rate against VTM, and user CPU time.

The peers' points come from SHARED/reference/peers.json; the native encoder codes the same pictures, converted
to YUV in the same way (8-bit 4:2:0; PSNR at 10 bit against the source shifted by 2, peak 1020). The BD-rate is
computed with pchip interpolation over the given QPs for each picture, then averaged. Negative is better than VTM.

CPU time is that of the encode alone (user time of this process). With --vvenc, vvencFFapp is timed in the
same run with the settings of peers.json, each picture and QP right after the native encode, so that both run under
the same conditions. Its user time includes reading the file and starting (about 10 ms), which is measured and
subtracted.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from idse.devtools.pictures import CONVERSION, load_photograph, load_yuv420
from idse.devtools.tables import align
from idse.engines import EncodeSettings, Engine, get_engine
from idse.errors import IdseError
from idse.media.frame import Frame
from idse.metrics.bd_rate import bd_rate
from idse.metrics.psnr import psnr_planes

REPOSITORY = Path(__file__).resolve().parent.parent
ANCHOR = "vtm"


@dataclass(frozen=True)
class Point:
    """Rate, quality and encoding time of one stream."""

    qp: int
    size: int
    psnr: tuple[float, ...]
    user: float


Curves = dict[tuple[str, str], list[Point]]


def peers(path: Path, qps: Sequence[int]) -> Curves:
    """Return the peers' points by (encoder, picture); encoders with another QP scale keep all their points."""
    curves: Curves = {}
    for p in json.loads(path.read_text())["points"]:
        if p["encoder"].startswith("svt") or p["qp"] in qps:
            point = Point(p["qp"], p["bytes"], (p["psnr_y"], p["psnr_u"], p["psnr_v"]), p["user_s"])
            curves.setdefault((p["encoder"], p["picture"]), []).append(point)
    return curves


def load(shared: Path, name: str) -> Frame:
    """Load a picture by its name in peers.json."""
    if name.startswith("kodim"):
        return load_photograph(shared / "data" / "kodak" / f"{name}.png")
    (path,) = (shared / "data" / "yuv").glob(f"{name}_*.yuv")
    width, height = path.stem.split("_")[1].split("x")
    return load_yuv420(path, int(width), int(height))


def user_seconds(who: int = resource.RUSAGE_SELF) -> float:
    """Return the user CPU seconds of this process, or of its children that have ended."""
    return resource.getrusage(who).ru_utime


def encode(engine: Engine, frame: Frame, settings: EncodeSettings, keep: Path | None) -> Point:
    """Code a picture with the native encoder."""
    began = user_seconds()
    stream = engine.encode([frame], None, settings)
    user = user_seconds() - began
    if keep is not None:
        keep.write_bytes(stream.data)
    recon = stream.recon[0]
    psnr = psnr_planes(frame.planes, frame.bit_depth, recon.planes, recon.bit_depth)
    return Point(settings.target.qp, len(stream.data), tuple(psnr), user)


def time_vvenc(program: Path, preset: str, frame: Frame, qp: int, folder: Path) -> float:
    """Return the user CPU seconds of vvencFFapp for one picture, with the arguments of peers.json."""
    source, target = folder / "source.yuv", folder / "vvenc.266"
    with source.open("wb") as file:
        for plane in frame.planes:
            file.write(plane.tobytes())
    # fmt: off
    command = [
        str(program), "--InputFile", str(source), "-s", f"{frame.width}x{frame.height}", "--InputBitDepth", "8",
        "--InternalBitDepth", "10", "--preset", preset, "-ip", "1", "-g", "1", "--IntraQPOffset", "0", "-qpa", "0",
        "-t", "1", "--MaxParallelFrames", "0", "-fr", "30", "-f", "1", "-q", str(qp), "-b", str(target),
    ]
    # fmt: on
    began = user_seconds(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise IdseError(f"{program}: exit status {ran.returncode}: {ran.stdout[-300:]}{ran.stderr[-300:]}")
    return user_seconds(resource.RUSAGE_CHILDREN) - began


def start_up(program: Path) -> float:
    """Return the user CPU seconds that the program needs to start and end."""
    began = user_seconds(resource.RUSAGE_CHILDREN)
    for _ in range(5):
        subprocess.run([str(program), "--version"], capture_output=True, check=False)
    return (user_seconds(resource.RUSAGE_CHILDREN) - began) / 5


def against_anchor(curves: Curves, encoder: str, picture: str, plane: int) -> float:
    """Return the BD-rate of a plane against VTM for one picture, or NaN if it is undefined."""
    anchor, test = curves.get((ANCHOR, picture)), curves.get((encoder, picture))
    if not anchor or not test:
        return math.nan
    found = bd_rate(
        [p.size for p in anchor],
        [p.psnr[plane] for p in anchor],
        [p.size for p in test],
        [p.psnr[plane] for p in test],
    )
    return math.nan if found.percent is None else found.percent


def mean(values: Sequence[float]) -> float:
    """Return the mean of the values that are not NaN."""
    known = [v for v in values if math.isfinite(v)]
    return float(np.mean(known)) if known else math.nan


def show(value: float) -> str:
    """Format a BD-rate; NaN gives an empty field."""
    return f"{value:+.1f}" if math.isfinite(value) else "-"


def table(curves: Curves, ours: Sequence[str], pictures: Sequence[str]) -> str:
    """Print the BD-rates of all encoders for each picture, and their means."""
    encoders = [*ours, *sorted({e for e, _ in curves} - {ANCHOR, *ours})]
    rows = [["BD-rate % against vtm", *pictures, "mean Y", "U", "V", "user s (peers: another run)"]]
    for encoder in encoders:
        luma = [against_anchor(curves, encoder, p, 0) for p in pictures]
        if not any(math.isfinite(v) for v in luma):
            continue
        chroma = [mean([against_anchor(curves, encoder, p, plane) for p in pictures]) for plane in (1, 2)]
        user = mean([point.user for p in pictures for point in curves.get((encoder, p), [])])
        count = sum(math.isfinite(v) for v in luma)
        of = "" if count == len(pictures) else f" ({count})"
        rows.append([encoder, *map(show, luma), show(mean(luma)) + of, *map(show, chroma), f"{user:.3f}"])
    return align(rows)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--shared", type=Path, default=REPOSITORY.parent / "shared", help="folder of the development data")
    add("--pictures", nargs="+", help="names of peers.json (all with VTM points)")
    add("--qps", type=int, nargs="+", default=[22, 27, 32, 37, 42], help="QPs (22 27 32 37 42)")
    add(
        "--presets",
        type=int,
        nargs="+",
        default=[EncodeSettings().preset],
        help="the encoder's presets, 0 fastest",
    )
    add(
        "--set",
        nargs="*",
        default=[],
        metavar="NAME=VALUE",
        help="other encode settings: ctu_size=64 cclm=false",
    )
    add("--vvenc", type=Path, help="vvencFFapp, timed in the same run")
    add("--vvenc-preset", default="fast", help="its preset (fast)")
    add("--points", action="store_true", help="print every point")
    add("--keep", type=Path, help="folder to leave the streams in")
    add("--json", type=Path, help="write points and BD-rates to this file")
    return parser.parse_args()


def measure(
    options: argparse.Namespace, curves: Curves, pictures: list[str], base: EncodeSettings
) -> list[str]:
    """Code all pictures, add the native encoder's curves to `curves` and return their names."""
    engine = get_engine("native")
    names = [f"native p{preset}" for preset in options.presets]
    vvenc: list[Point] = []
    spent = start_up(options.vvenc) if options.vvenc else 0.0
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for picture in pictures:
            frame = load(options.shared, picture)
            vvenc = []
            for qp in options.qps:
                for name, preset in zip(names, options.presets, strict=True):
                    settings = base.changed(qp=qp, preset=preset)
                    keep = options.keep and options.keep / f"{picture}-p{preset}-qp{qp}.266"
                    curves.setdefault((name, picture), []).append(encode(engine, frame, settings, keep))
                if options.vvenc:
                    user = time_vvenc(options.vvenc, options.vvenc_preset, frame, qp, Path(folder)) - spent
                    vvenc.append(Point(qp, 0, (), user))
            if vvenc:
                curves["vvenc here", picture] = vvenc
            luma = ", ".join(f"{n} {show(against_anchor(curves, n, picture, 0))} %" for n in names)
            print(f"{picture}: {luma}", file=sys.stderr, flush=True)
    print(f"encoder: native {engine.version}, one thread, all intra, coded in 10 bit")
    return names


def main() -> int:
    """Run the command."""
    options = parse()
    try:
        curves = peers(options.shared / "reference" / "peers.json", options.qps)
        known = sorted(p for e, p in curves if e == ANCHOR)
        pictures: list[str] = options.pictures or known
        if unknown := set(pictures) - set(known):
            raise IdseError(
                f"no VTM points for {', '.join(sorted(unknown))}: choose some of {', '.join(known)}"
            )
        pairs = [item.split("=", 1) for item in options.set]
        base = EncodeSettings(**{name: json.loads(value.lower()) for name, value in pairs})
        names = measure(options, curves, pictures, base)
    except (IdseError, FileNotFoundError) as error:
        print(f"bd_rate_peers.py: {error}", file=sys.stderr)
        return 2
    print(f"settings: {base.flat() | {'qp': options.qps, 'preset': options.presets}}")
    print(f"pictures: {CONVERSION}; data/yuv as it is\n")
    timed = {key: points for key, points in curves.items() if key[0] == "vvenc here"}
    for key in timed:
        del curves[key]
    print(table(curves, names, pictures))
    if timed:
        theirs = sum(point.user for points in timed.values() for point in points)
        for name in names:
            ours = sum(point.user for p in pictures for point in curves[name, p])
            print(
                f"\nuser CPU, same run: {name} {ours:.2f} s, VVenC {options.vvenc_preset} {theirs:.2f} s: "
                f"ratio {ours / theirs:.2f}"
            )
            for qp in options.qps:
                a = sum(point.user for p in pictures for point in curves[name, p] if point.qp == qp)
                b = sum(point.user for points in timed.values() for point in points if point.qp == qp)
                print(f"  QP {qp}: {a:.2f} s against {b:.2f} s: {a / b:.2f}")
    if options.points:
        rows = [["picture", "encoder", "QP", "bytes", "Y", "U", "V", "user s"]]
        for name in [*names, ANCHOR]:
            for p in pictures:
                for point in curves[name, p]:
                    psnr = [f"{v:.3f}" for v in point.psnr]
                    rows.append([p, name, str(point.qp), str(point.size), *psnr, f"{point.user:.3f}"])
        print("\n" + align(rows))
    if options.json:
        found = {
            name: {
                "bd_rate_y": {p: against_anchor(curves, name, p, 0) for p in pictures},
                "points": {p: [dataclasses.asdict(point) for point in curves[name, p]] for p in pictures},
            }
            for name in names
        }
        options.json.write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
