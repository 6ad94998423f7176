"""Makes the text of a plan from command-line options, for sweeps that need no plan file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idse.engines import engine_class, engine_names
from idse.errors import IdseError
from idse.toml_file import toml_text


@dataclass(frozen=True)
class Flags:
    """The options of `idse sweep`.

    Attributes:
        images: A folder of pictures, the file of a sequence, or the root folder of Cityscapes.
        annotations: COCO's annotation file, if there is one.
        kind: The data set's kind; None: "coco" with annotations, "folder" or "sequence" without.
        detectors: ONNX files, or names of torchvision models.
        codecs: "x265", "x265:preset=slow,qp=22 27", "idse=native:tau=0.1": name, engine, settings.
        tables: Further codecs as `[[codecs]]` tables of a plan, with absolute paths.
        qps: The QPs of every codec that names none.
        scales: Sizes in per cent.
        importance: For codecs whose engine takes weight maps: "embedded", "activity" or one of `detectors`. Each adds
            rows to those without a map.
        targets: What detectors' maps preserve.
        proj_dims: Rows of the sketch.
        taus: Shares of plain squared error for every codec that names none.
        tunings: Weights over frequency by purpose, for every codec that names neither a tuning nor gamma.
        task_models: Files (FILE-{qp}.onnx) of models that replace a detector for every codec, by the detector's name.
        limit: The greatest number of pictures.
        seed: The seed of weight maps.
        name: The sweep's name.
    """

    images: Path
    annotations: Path | None = None
    kind: str | None = None
    detectors: Sequence[str] = ()
    codecs: Sequence[str] = ("native",)
    tables: Sequence[Mapping[str, Any]] = ()
    qps: Sequence[int] = (27, 32, 37, 42, 47)
    scales: Sequence[int] = (100,)
    importance: Sequence[str] = ()
    targets: Sequence[str] = ()
    proj_dims: Sequence[int] = ()
    taus: Sequence[float] = ()
    tunings: Sequence[str] = ()
    task_models: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None
    seed: int = 0
    name: str = "sweep"


def plan_text(flags: Flags) -> str:
    """The text of the plan (TOML), with absolute paths.

    Raises:
        IdseError: An option cannot be understood.
    """
    kind = flags.kind or ("coco" if flags.annotations else "folder" if flags.images.is_dir() else "sequence")
    dataset: dict[str, Any] = {"kind": kind, "images": str(flags.images.resolve())}
    if flags.annotations:
        dataset["annotations"] = str(flags.annotations.resolve())
    if flags.limit is not None:
        dataset["limit"] = flags.limit
    codecs = _codecs(flags)
    codecs += [{**table, **_task_models(flags)} for table in flags.tables]
    table = {
        "name": flags.name,
        "seed": flags.seed,
        "qp": list(flags.qps),
        "scale": list(flags.scales),
        "dataset": dataset,
        "detectors": [{"model": _model(detector)} for detector in flags.detectors],
        "codecs": codecs,
    }
    return toml_text({key: value for key, value in table.items() if value != []})


def _codecs(flags: Flags) -> list[dict[str, Any]]:
    """The rows of every `--codec`: one without a weight map, and one for each importance if its engine takes maps."""
    plain = [_codec(text, flags) for text in flags.codecs]
    codecs_with_maps = sum(_takes_maps(row) for row in plain)
    rows = []
    for row in plain:
        rows.append(row)
        if not _takes_maps(row):
            continue
        # A name that the user chose stays; an engine's name is needed only where several codecs take maps.
        before = "" if codecs_with_maps == 1 and row["name"] == row["engine"] else f"{row['name']}, "
        shaping = {"tau": _one_or_list(flags.taus)} if flags.taus and "tau" not in row else {}
        if flags.tunings and not {"tuning", "gamma"} & row.keys():
            shaping["tuning"] = _one_or_list(flags.tunings)
        for source in flags.importance:
            name = before + _map_name(source)
            rows.append({**row, "name": name, **shaping, "importance": _importance(source, flags)})
    return rows


def _takes_maps(row: Mapping[str, Any]) -> bool:
    return row["engine"] in engine_names() and engine_class(row["engine"]).takes_weights


def _map_name(source: str) -> str:
    """What a row with this importance is called: "IDSE (embedded map)"; activity needs no detector and is not IDSE."""
    return "activity map" if source == "activity" else f"IDSE ({Path(source).stem} map)"


def _codec(text: str, flags: Flags) -> dict[str, Any]:
    """One `--codec` as a row without a weight map."""
    head, _, tail = text.partition(":")
    name, _, engine = head.partition("=")
    engine = engine or name
    settings = {}
    for pair in filter(None, (p.strip() for p in tail.split(","))):
        key, equals, value = pair.partition("=")
        if not equals:
            raise IdseError(f"--codec {text}: '{pair}' must look like preset=slow")
        if key.strip() in ("name", "engine"):
            raise IdseError(
                f"--codec {text}: write name and engine before the colon: NAME=ENGINE:preset=slow"
            )
        settings[key.strip()] = _value(value)
    return {"name": name, "engine": engine, **settings, **_task_models(flags)}


def _importance(source: str, flags: Flags) -> dict[str, Any]:
    if source == "activity":
        return {"method": "activity"}
    targets = {"target": _one_or_list(flags.targets)} if flags.targets else {}
    dims = {"proj_dim": _one_or_list(flags.proj_dims)} if flags.proj_dims else {}
    return {"method": "jacobian", "detector": _model(source), **targets, **dims}


def _one_or_list(values: Sequence[Any]) -> Any:
    return list(values) if len(values) > 1 else values[0]


def _model(name: str) -> str:
    """The absolute path of an ONNX file; the name of a model is returned as it is."""
    return str(Path(name).resolve()) if name.lower().endswith(".onnx") else name


def _task_models(flags: Flags) -> dict[str, dict[str, str]]:
    models = {name: str(Path(file).resolve()) for name, file in flags.task_models.items()}
    return {"task_models": models} if models else {}


def _value(text: str) -> Any:
    """The value of a text: several words are a list; numbers, true and false are recognised; anything else is text."""
    words = text.split()
    if len(words) > 1:
        return [_value(w) for w in words]
    word = words[0] if words else ""
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    if re.fullmatch(r"[+-]?\d+", word):
        return int(word)
    try:
        return float(word)
    except ValueError:
        return word
