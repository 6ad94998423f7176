#!/usr/bin/env python3
"""Does IDSE work? BD-rates of features, detections and PSNR over COCO pictures, with bootstrap intervals.

Codes the pictures of SHARED/data/coco/val with each configuration and QP, looks at every result with
YOLOX-nano and NanoDet, and prints the tables. What was measured once is kept in --store (by picture,
configuration, QP and a hash of everything that decides the figures): a run killed at any point goes on where
it stopped.

Columns: fYX, fND = feature distance (10 log10 1/MSE) on YOLOX-nano and NanoDet; pYX, pND = AP@[.5:.95] pooled
over classes against the detections on the uncompressed pictures; PSNR = luma. Negative is better; ± is half
the 95 % bootstrap interval over pictures; * beats the control by more than that.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from idse.detectors import load_detectors
from idse.engines import EncodeSettings, get_engine
from idse.errors import IdseError
from idse.experiments import tables
from idse.experiments.evaluation import Evaluation
from idse.experiments.laboratory import Laboratory
from idse.experiments.measurement import Measurement
from idse.experiments.pictures import CONVERSION, photographs
from idse.experiments.plan import CONFIGURATIONS, DEFAULT_CONFIGURATIONS, Configuration, configurations
from idse.experiments.pool import finished
from idse.experiments.progress import Progress
from idse.experiments.store import Store
from idse.metrics.detection import Detections

SOURCE = "source"
REPOSITORY = Path(__file__).resolve().parent.parent
Task = tuple[Path, Configuration, tuple[int, ...]]


@functools.cache
def laboratory(shared: Path, base: EncodeSettings, seed: int) -> Laboratory:
    """This process's laboratory."""
    import torch

    torch.set_num_threads(1)
    folder = shared / "data" / "detectors"

    def extractor(name: str):  # type: ignore[no-untyped-def]
        from idse.features.api import load_extractor

        return load_extractor(name if name == "embedded" else str(folder / f"{name}.onnx"), device="cpu")

    return Laboratory(get_engine("native"), load_detectors(folder), extractor, base, seed)


def work(shared: Path, base: EncodeSettings, seed: int, task: Task) -> list[tuple[int, Measurement]]:
    """One picture, one configuration, some QPs."""
    picture, configuration, qps = task
    return list(laboratory(shared, base, seed).measure(picture, configuration, list(qps)))


def results(
    options: argparse.Namespace, base: EncodeSettings, tasks: list[Task]
) -> Iterator[tuple[Task, list[tuple[int, Measurement]]]]:
    """Tasks as they get done."""
    return finished(functools.partial(work, options.shared, base, options.seed), tasks, options.jobs)


def sweep(
    options: argparse.Namespace, base: EncodeSettings, chosen: list[Configuration], store: Store
) -> dict[str, str]:
    """Measure what is missing; the settings hash of each configuration (and of the source's detections)."""
    pictures = photographs(options.shared / "data" / "coco" / "val")[: options.pictures]
    if not pictures:
        raise IdseError(f"no pictures in {options.shared}/data/coco/val: give the folder with --shared")
    lab = laboratory(options.shared, base, options.seed)
    keys = {c.name: lab.key(c) for c in chosen}
    keys[SOURCE] = lab.key(configurations(["none"])[0])
    seen = store.known(keys[SOURCE], SOURCE)
    unseen = [p for p in pictures if (p.name, -1) not in seen]
    say = Progress("source pictures", len(unseen))
    for number, picture in enumerate(unseen, 1):
        store.put(keys[SOURCE], picture.name, SOURCE, -1, lab.source_detections(picture))
        say(number)
    known = {c.name: store.known(keys[c.name], c.name) for c in chosen}
    tasks = []
    for picture in pictures:
        for configuration in chosen:
            qps = tuple(q for q in options.qps if (picture.name, q) not in known[configuration.name])
            if qps:
                tasks.append((picture, configuration, qps))
    done, say = 0, Progress("streams", sum(len(t[2]) for t in tasks))
    for (picture, configuration, _), measured in results(options, base, tasks):
        for qp, measurement in measured:
            store.put(keys[configuration.name], picture.name, configuration.name, qp, measurement)
        done += len(measured)
        say(done)
    return keys


def gather(
    options: argparse.Namespace, chosen: list[Configuration], keys: dict[str, str], store: Store
) -> Evaluation:
    """The evaluation of what is in the store, over the pictures that every configuration has."""
    complete = {p for p, _ in store.known(keys[SOURCE], SOURCE)}
    for configuration in chosen:
        known = store.known(keys[configuration.name], configuration.name)
        complete &= {p for p, _ in known if all((p, q) in known for q in options.qps)}
    wanted = [p.name for p in photographs(options.shared / "data" / "coco" / "val")[: options.pictures]]
    pictures = [p for p in wanted if p in complete]
    if not pictures:
        raise IdseError("no picture is measured for every configuration yet")
    if len(pictures) < len(wanted):
        print(f"only {len(pictures)} of {len(wanted)} pictures are measured for every configuration")
    measurements: dict[str, dict[tuple[str, int], Measurement]] = {}
    for configuration in chosen:
        cells = {}
        for picture in pictures:
            for qp in options.qps:
                cell = store.get(keys[configuration.name], picture, configuration.name, qp)
                assert cell is not None
                cells[picture, qp] = cell
        measurements[configuration.name] = cells
    truths: dict[str, dict[str, Detections]] = {}
    for picture in pictures:
        source = store.get(keys[SOURCE], picture, SOURCE, -1)
        assert source is not None
        truths[picture] = source.detections
    for name, cells in measurements.items():
        encode = sum(m.encode_cpu for m in cells.values()) / len(cells)
        maps = [m.map_cpu for m in cells.values() if m.map_cpu > 0.001]
        offsets = [sum(m.chroma_qp[i] for m in cells.values()) / len(cells) for i in (0, 1)]
        cost = f", map {sum(maps) / len(maps):.2f} s" if maps else ""
        print(
            f"  {name:18} {keys[name]}  chroma QP {offsets[0]:+.1f} {offsets[1]:+.1f}, "
            f"CPU a picture: encode {encode:.2f} s{cost}"
        )
    return Evaluation(options.qps, pictures, measurements, truths, options.draws, options.seed)


def report(
    options: argparse.Namespace, base: EncodeSettings, chosen: list[Configuration], evaluation: Evaluation
) -> None:
    """Print the tables, and write them as JSON where asked."""
    names = [c.name for c in chosen]
    anchor = options.anchor if options.anchor in names else names[0]
    lab = laboratory(options.shared, base, options.seed)
    print(
        f"\nencoder: {lab.engine.name} {lab.engine.version}, preset {base.preset}, all intra, coded in 10 bit"
    )
    print(f"QP {options.qps}; {len(evaluation.pictures)} pictures of data/coco/val; {CONVERSION}")
    print(f"seed {options.seed}; {options.draws} bootstrap draws over pictures, 95 % intervals\n")
    print(tables.against(evaluation, anchor, names))
    for control in (c for c in options.controls if c in names):
        print("\n" + tables.verdicts(evaluation, control, [n for n in names if n != anchor]))
    print("\n" + tables.per_picture(evaluation, anchor, names))
    if options.points:
        print("\n" + tables.points(evaluation, names))
    print()
    for configuration in chosen:
        print(f"  {configuration.name:18} {configuration.what}")
    for name in names:
        for measure in evaluation.measures:
            value = evaluation.figure(anchor, name, measure).value
            if value.percent is None and name != anchor:
                print(f"  n/a: {name} {measure}: {value.reason}")
    if options.json:
        found = {
            base_name: {
                name: {
                    m: {"percent": f.value.percent, "half": f.half, "reason": f.value.reason, "beats": f.wins}
                    for m in evaluation.measures
                    for f in [evaluation.figure(base_name, name, m)]
                }
                for name in names
            }
            for base_name in [anchor, *[c for c in options.controls if c in names]]
        }
        options.json.write_text(
            json.dumps({"pictures": evaluation.pictures, "qps": options.qps, "bd_rate": found}, indent=1)
        )


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    listing = "\n".join(f"  {c.name:18} {c.what}" for c in CONFIGURATIONS)
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="configurations:\n" + listing,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--shared", type=Path, default=REPOSITORY.parent / "shared", help="folder of the development data"
    )
    parser.add_argument("--pictures", type=int, default=80, metavar="N", help="the first N pictures (80)")
    parser.add_argument(
        "--qps", type=int, nargs="+", default=[27, 32, 37, 42, 47], help="QPs (27 32 37 42 47)"
    )
    parser.add_argument(
        "--configs", nargs="+", default=DEFAULT_CONFIGURATIONS, metavar="NAME", help="see below; 'all'"
    )
    parser.add_argument("--anchor", default="none", help="configuration that BD-rates are against (none)")
    parser.add_argument(
        "--controls", nargs="*", default=["activity", "activity-c3"], help="controls of the further tables"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument(
        "--store", type=Path, default=REPOSITORY / "out" / "evaluate_idse.sqlite", help="results file"
    )
    parser.add_argument(
        "--preset", type=int, default=EncodeSettings().preset, help="encoder's preset, 0 fastest .. 4"
    )
    parser.add_argument(
        "--set",
        nargs="*",
        default=[],
        metavar="NAME=VALUE",
        help="other encode settings: tau=0.1 ctu_size=64",
    )
    parser.add_argument("--seed", type=int, default=0, help="of maps and bootstrap (0)")
    parser.add_argument("--draws", type=int, default=200, help="bootstrap draws (200)")
    parser.add_argument("--points", action="store_true", help="print the curves too")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument(
        "--report-only", action="store_true", help="measure nothing: tables of what the store has"
    )
    options = parser.parse_args(arguments)
    options.shared = options.shared.resolve()
    if options.configs == ["all"]:
        options.configs = [c.name for c in CONFIGURATIONS]
    return options


def settings(options: argparse.Namespace) -> EncodeSettings:
    """The settings that all configurations share."""
    changes = {
        name: json.loads(value.lower()) for name, value in (item.split("=", 1) for item in options.set)
    }
    return EncodeSettings(preset=options.preset, **changes)


def main() -> int:
    """Run the command."""
    options = parse()
    try:
        base, chosen = settings(options), configurations(options.configs)
        with Store(options.store) as store:
            if options.report_only:
                lab = laboratory(options.shared, base, options.seed)
                keys = {c.name: lab.key(c) for c in chosen} | {SOURCE: lab.key(configurations(["none"])[0])}
            else:
                keys = sweep(options, base, chosen, store)
            report(options, base, chosen, gather(options, chosen, keys, store))
    except IdseError as error:
        print(f"evaluate_idse.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
