"""Measures one codec on a data set: a sweep with a single codec, and its figures at each QP.

`idse eval` measures a trained codec or any engine. The cells are those of a sweep, so what the store already has is
not coded again.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idse.engines import engine_names
from idse.errors import IdseError
from idse.study import Measure, Study
from idse.study.grid import read_grids
from idse.sweeps.flags import Flags, plan_text
from idse.sweeps.plan import Plan, parse_plan
from idse.sweeps.store import Store

CODEC_FILE = "codec.idsec"
"""The codec's file in the folder of a training."""
_SHOWN = ("psnr_y", "ms_ssim", "features", "pseudo_ap", "map_box", "map_mask", "wap_box", "wap_mask")


@dataclass(frozen=True)
class Wanted:
    """The options of `idse eval`.

    Attributes:
        target: A codec's file, the folder of a training, or an engine with its settings ("x265:preset=slow").
        images: The pictures, as in the data set of a plan.
        annotations: COCO's annotation file, if there is one.
        kind: The data set's kind, if images and annotations do not say it.
        detectors: ONNX files, or names of torchvision models. Without any, only rate and fidelity are measured.
        task_models: Files (FILE-{qp}.onnx) of models that replace a detector for this codec, by the detector's name.
        qps: The QPs; empty: all of a trained codec, or the usual ones of an engine.
        limit: The greatest number of pictures.
    """

    target: str
    images: Path
    annotations: Path | None = None
    kind: str | None = None
    detectors: Sequence[str] = ()
    task_models: Sequence[str] = ()
    qps: Sequence[int] = ()
    limit: int | None = None


@dataclass(frozen=True)
class EvaluatedPoint:
    """The figures of a codec at one QP, pooled over all pictures.

    Attributes:
        label: The codec's name for this QP; "QP 32" if it has none.
        qp: The QP.
        bpp: Bits per luma sample of whole streams.
        estimated_bpp: Bits per luma sample by the entropy model; None if the engine has no estimate.
        qualities: Qualities by the key of their measure; NaN if a measure has no value.
        encode_seconds: CPU seconds per megapixel for encoding.
        decode_seconds: CPU seconds per megapixel for decoding; NaN if no decoder was run.
    """

    label: str
    qp: int
    bpp: float
    estimated_bpp: float | None
    qualities: Mapping[str, float]
    encode_seconds: float
    decode_seconds: float

    @property
    def estimate_error(self) -> float | None:
        """The error of the estimate in per cent of the real rate; negative if the estimate is too low."""
        return None if self.estimated_bpp is None else 100 * (self.estimated_bpp / self.bpp - 1)


@dataclass(frozen=True)
class Evaluation:
    """The figures of a codec on a data set.

    Attributes:
        name: The codec's name.
        engine: The name of its engine.
        version: The engine's version.
        settings_hash: A hash of everything that decides the figures.
        pictures: The number of measured items.
        megapixels: Megapixels of all these items.
        measures: The measures of quality.
        points: The figures at each QP, by falling rate.
        uncompressed: Qualities of the uncompressed pictures, if they are not perfect by definition.
        streams: The number of streams with an estimate of their rate.
        mean_error: Mean absolute error of these estimates, in per cent of the real rate.
    """

    name: str
    engine: str
    version: str
    settings_hash: str
    pictures: int
    megapixels: float
    measures: tuple[Measure, ...]
    points: tuple[EvaluatedPoint, ...]
    uncompressed: Mapping[str, float]
    streams: int
    mean_error: float | None


def evaluation_plan(wanted: Wanted) -> Plan:
    """The plan of a sweep whose only codec is the one that is measured.

    Raises:
        IdseError: There is no such file, the folder has no codec, or an option is wrong.
    """
    name, codecs, tables = _codec(wanted)
    flags = Flags(
        images=wanted.images,
        annotations=wanted.annotations,
        kind=wanted.kind,
        detectors=wanted.detectors,
        codecs=codecs,
        tables=tables,
        task_models=_task_models(wanted),
        limit=wanted.limit,
        name=f"eval {name}",
    )
    if wanted.qps:
        flags = dataclasses.replace(flags, qps=wanted.qps)
    return parse_plan(plan_text(flags), Path.cwd(), flags.name)


def task_model_hint(wanted: Wanted) -> str:
    """A hint if a detector was trained with the codec but is not used; otherwise empty."""
    file = trained_codec(Path(wanted.target))
    found = [] if file is None else sorted(file.parent.glob("task-0.*"))
    if not found or wanted.task_models or not wanted.detectors:
        return ""
    pattern = found[0].with_name(f"task-{{qp}}{found[0].suffix}")
    return f"a detector was trained with this codec: --task-model DETECTOR={pattern} uses it"


def trained_codec(path: Path) -> Path | None:
    """The codec's file for a path: the file itself, or the one in the folder of a training; None: nothing is there.

    Raises:
        IdseError: The folder has no codec.
    """
    if path.is_dir():
        if not (path / CODEC_FILE).is_file():
            raise IdseError(
                f"{path}: no {CODEC_FILE} in this folder: let idse train finish, or write it from the checkpoints with "
                "--select-only"
            )
        return path / CODEC_FILE
    return path if path.is_file() else None


def _codec(wanted: Wanted) -> tuple[str, Sequence[str], Sequence[Mapping[str, Any]]]:
    """The name, and the codec for the flags of a sweep: as text for an engine, or as a table."""
    file = trained_codec(Path(wanted.target))
    if file is None:
        name, _, engine = wanted.target.partition(":")[0].partition("=")
        if (engine or name) not in engine_names():
            raise IdseError(
                f"{wanted.target}: no such file: give a trained codec (.idsec), the folder of a training, or an "
                f"engine: {', '.join(engine_names())}"
            )
        return name, (wanted.target,), ()
    name = file.resolve().parent.name if file.name == CODEC_FILE else file.stem
    table: dict[str, Any] = {"name": name, "engine": "learned", "codec": str(file.resolve())}
    return name, (), (table | ({"qp": list(wanted.qps)} if wanted.qps else {}),)


def _task_models(wanted: Wanted) -> dict[str, str]:
    known = [Path(d).stem if d.lower().endswith(".onnx") else d for d in wanted.detectors]
    found = {}
    for text in wanted.task_models:
        name, equals, file = text.partition("=")
        if not equals or not file:
            raise IdseError(f"--task-model {text}: must look like DETECTOR=FILE-{{qp}}.onnx")
        if name not in known:
            there = f"one of {', '.join(known)}" if known else "there is none: add --detector"
            raise IdseError(f"--task-model {text}: no --detector is called '{name}' ({there})")
        found[name] = file
    return found


def read_evaluation(store: Store, name: str) -> Evaluation:
    """The figures of the sweep that `evaluation_plan` described.

    Args:
        store: The store of results.
        name: The sweep's name.

    Raises:
        IdseError: No picture is complete.
    """
    study = Study(store, name, draws=0)
    codec = study.codecs[0]
    measures = tuple(m for m in study.measures if m.kind in _SHOWN)
    grid = next(iter(read_grids(store, store.sweep(name))[0].values()))
    curves = {m.key: [p.quality for p in study.points(codec.name, m.key)] for m in measures}
    megapixels = float(grid.samples.sum()) / 1e6
    points, errors = list[EvaluatedPoint](), list[float]()
    for i, (_, qp) in enumerate(grid.settings):
        provenance = [store.provenance(key) for key in grid.keys[i]]
        estimates = [p.get("estimated_bits") for p in provenance]
        known = [float(e) for e in estimates if e is not None]
        if whole := len(known) == len(estimates):
            errors += [abs(e / (8 * b) - 1) for e, b in zip(known, grid.bytes[i].tolist(), strict=True)]
        points.append(
            EvaluatedPoint(
                label=str(provenance[0].get("point", {}).get("label") or f"QP {qp}"),
                qp=qp,
                bpp=8 * float(grid.bytes[i].sum()) / (1e6 * megapixels),
                estimated_bpp=sum(known) / (1e6 * megapixels) if whole else None,
                qualities={key: values[i] for key, values in curves.items()},
                encode_seconds=float(grid.encode_cpu[i].sum()) / megapixels,
                decode_seconds=float(grid.decode_cpu[i].sum()) / megapixels,
            )
        )
    untouched = {m.key: study.uncompressed(m.key) for m in measures}
    return Evaluation(
        name=codec.name,
        engine=codec.engine,
        version=codec.version,
        settings_hash=str(codec.provenance["settings_hash"]),
        pictures=len(study.items),
        megapixels=megapixels,
        measures=measures,
        points=tuple(sorted(points, key=lambda p: -p.bpp)),
        uncompressed={k: v for k, v in untouched.items() if v is not None and math.isfinite(v)},
        streams=len(errors),
        mean_error=100 * sum(errors) / len(errors) if errors else None,
    )
