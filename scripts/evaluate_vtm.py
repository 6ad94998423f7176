#!/usr/bin/env python3
"""What do the weights do in VTM? BD-rates of features and PSNR over pictures, on VTM's reference encoder.

VTM is the user's own checkout, patched and built (--vtm-root). One encode of a 640x480 picture takes 10 to 60
CPU seconds, so a sweep takes hours: what was measured is kept in --store (by picture, configuration, QP and a
hash of everything that decides the figures), a run killed at any point loses only the encodes under way and goes
on when started again, and --table-only shows what there is so far, also while another run is measuring.

Columns: fYX, fND = feature distance (10 log10 1/MSE) on YOLOX-nano and NanoDet; PSNR Y, U, V; bytes and CPU
(user seconds of the encoder) over the anchor's; chroma QP = mean Cb and Cr offsets; weighted = share of the
distortions that the weights reached; pictures = how many have every QP of both the anchor and the
configuration. Negative BD-rates are better; ± is half the 95 % bootstrap interval over pictures.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shlex
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from idse.engines.vtm.engine import ROOT_VARIABLE, find_root
from idse.errors import IdseError
from idse.experiments.comparison import Row, compare, markdown
from idse.experiments.pictures import CONVERSION, photographs
from idse.experiments.script import run_script
from idse.experiments.store import Store
from idse.experiments.sweep import fill, missing
from idse.experiments.vtm_bench import Bench, check, laboratory, measure
from idse.experiments.vtm_plan import VTM_CONFIGURATIONS, VtmConfiguration, vtm_configurations

REPOSITORY = Path(__file__).resolve().parent.parent


def chosen_pictures(folder: Path, wanted: list[str]) -> list[Path]:
    """The first N pictures of a folder, or those of these names (with or without their endings).

    Raises:
        IdseError: There are none, or not all of them.
    """
    if not folder.is_dir():
        raise IdseError(f"no folder {folder}: give the folder of pictures with --folder or --shared")
    there = photographs(folder)
    by_name = {p.stem: p for p in there} | {p.name: p for p in there}
    if len(wanted) == 1 and wanted[0].isdigit() and wanted[0] not in by_name:
        there = there[: int(wanted[0])]
        if not there:
            raise IdseError(f"no pictures in {folder}")
        return there
    for name in wanted:
        if name not in by_name:
            raise IdseError(f"no picture '{name}' in {folder}")
    return [by_name[name] for name in dict.fromkeys(wanted)]


def report(
    options: argparse.Namespace,
    bench: Bench,
    configurations: list[VtmConfiguration],
    pictures: list[Path],
    keys: dict[str, str],
    store: Store,
) -> None:
    """Print the tables, and write them as JSON where asked."""
    engine = laboratory(bench).engine
    names = [p.name for p in pictures]
    print(f"encoder: {engine.name} {engine.version}, executable {bench.program}, all intra", end="")
    print(f", extra arguments: {shlex.join(bench.extra)}" if bench.extra else "")
    print(f"QP {options.qps}; {len(pictures)} pictures of {options.folder}; {CONVERSION}")
    print(f"seed {options.seed}; {options.draws} bootstrap draws over pictures, 95 % intervals")
    found: dict[str, list[Row]] = {}
    for anchor in options.anchor:
        rows = compare(
            store,
            keys,
            anchor,
            [c.name for c in configurations],
            names,
            options.qps,
            options.draws,
            options.seed,
        )
        print("\n" + markdown(anchor, rows))
        for row in rows:
            for name, figure in row.figures.items():
                if figure.value.percent is None:
                    print(f"\nn/a: {row.name} {name}: {figure.value.reason}", end="")
        print()
        found[anchor] = rows
    for configuration in configurations:
        print(f"- `{configuration.name}` ({keys[configuration.name]}): {configuration.what}")
    if options.json:
        options.json.write_text(json.dumps(as_json(options, bench, names, keys, found), indent=1) + "\n")


def as_json(
    options: argparse.Namespace,
    bench: Bench,
    pictures: list[str],
    keys: dict[str, str],
    found: dict[str, list[Row]],
) -> dict[str, object]:
    """The tables for programs."""
    tables = {
        anchor: {
            row.name: {
                "pictures": row.pictures,
                "bd_rate": {
                    measure: {
                        "percent": figure.value.percent,
                        "half": figure.half,
                        "reason": figure.value.reason,
                    }
                    for measure, figure in row.figures.items()
                },
                "bytes": row.bytes_ratio if row.pictures else None,
                "cpu": row.cpu_ratio if row.cpu_ratio == row.cpu_ratio else None,  # JSON has no NaN
                "chroma_qp": row.chroma_qp,
                "weighted_share": row.weighted_share,
            }
            for row in rows
        }
        for anchor, rows in found.items()
    }
    return {
        "executable": bench.program,
        "extra": bench.extra,
        "qps": options.qps,
        "pictures": pictures,
        "keys": keys,
        "against": tables,
    }


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    listing = "\n".join(f"  {c.name:18} {c.what}" for c in VTM_CONFIGURATIONS)
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="configurations:\n" + listing,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--vtm-root",
        type=Path,
        metavar="DIR",
        help=f"the patched and built checkout of VTM (${ROOT_VARIABLE})",
    )
    parser.add_argument(
        "--shared", type=Path, default=REPOSITORY.parent / "shared", help="folder of the development data"
    )
    parser.add_argument("--folder", type=Path, help="folder of pictures (SHARED/data/coco/val)")
    parser.add_argument(
        "--pictures", nargs="+", default=["12"], metavar="N|NAME", help="the first N, or names (12)"
    )
    parser.add_argument(
        "--qps", type=int, nargs="+", default=[27, 32, 37, 42, 47], help="QPs (27 32 37 42 47)"
    )
    parser.add_argument(
        "--configs",
        nargs="+",
        default=[c.name for c in VTM_CONFIGURATIONS],
        metavar="NAME",
        help="measured in this order; see below (all)",
    )
    parser.add_argument(
        "--anchor", nargs="+", default=["none"], metavar="NAME", help="a table against each (none)"
    )
    parser.add_argument("--extra", default="", metavar="ARGUMENTS", help="for VTM, in all configurations")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="give an encode up after this time")
    parser.add_argument("--jobs", type=int, default=2, help="encodes at a time (2)")
    parser.add_argument(
        "--store", type=Path, default=REPOSITORY / "out" / "evaluate_vtm.sqlite", help="results file"
    )
    parser.add_argument("--seed", type=int, default=0, help="of maps and bootstrap (0)")
    parser.add_argument("--draws", type=int, default=200, help="bootstrap draws (200)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument(
        "--table-only", action="store_true", help="measure nothing: tables of what the store has"
    )
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error("--jobs: must be at least 1")
    options.qps = list(dict.fromkeys(options.qps))
    options.folder = (options.folder or options.shared / "data" / "coco" / "val").resolve()
    for anchor in options.anchor:
        if anchor not in options.configs:
            options.configs.insert(0, anchor)  # a table against it needs it
    return options


def run(options: argparse.Namespace) -> int:
    """Measure what is missing and report; the exit status."""
    configurations = vtm_configurations(options.configs)
    pictures = chosen_pictures(options.folder, options.pictures)
    root = find_root(options.vtm_root)
    if root is None:
        raise IdseError(
            f"which VTM? Set {ROOT_VARIABLE}, or --vtm-root, to the folder of a VTM that was built"
        )
    bench = Bench(
        detectors=options.shared.resolve() / "data" / "detectors",
        root=root.resolve(),
        extra=tuple(shlex.split(options.extra)),
        seed=options.seed,
        maps=options.store.resolve().with_suffix(".maps"),
        timeout=options.timeout,
    )
    keys = {c.name: laboratory(bench).key(c) for c in configurations}
    failures: list[str] = []
    with Store(options.store) as store:
        if not options.table_only:
            check(bench, configurations)
            cells = missing(store, keys, configurations, pictures, options.qps)
            total = len(configurations) * len(pictures) * len(options.qps)
            print(f"{total - len(cells)} of {total} encodes are there", file=sys.stderr)
            failures = fill(store, keys, cells, functools.partial(measure, bench), options.jobs)
        report(options, bench, configurations, pictures, keys, store)
    for failure in failures:
        print(f"evaluate_vtm.py: failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


def main() -> int:
    """Run the command."""
    options = parse()
    return run_script("evaluate_vtm.py", lambda: run(options), "stopped; the same command goes on from here")


if __name__ == "__main__":
    sys.exit(main())
