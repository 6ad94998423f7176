"""A sweep's plan: a TOML file, read and checked.

name = "coco"
seed = 0
qp = [27, 32, 37, 42, 47]        # of every codec that names none
scale = [100]                    # per cent of the size; several: a Pareto front

[dataset]
kind = "coco"
images = "coco/val"              # paths are relative to the plan's folder
annotations = "coco/instances_val.json"

[[detectors]]
model = "detectors/yolox_nano.onnx"

[[codecs]]
name = "native"

[[codecs]]
name = "idse"
engine = "native"
tau = [0.1, 0.2]                 # lists multiply: four rows
importance = { method = "jacobian", detector = "yolox_nano", proj_dim = [2, 8] }
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idse.datasets import DatasetSettings
from idse.datasets.table import read_dataset_table
from idse.detectors import DetectorSettings
from idse.errors import IdseError
from idse.sweeps.codec import PlanCodec
from idse.sweeps.codec_table import read_codecs
from idse.sweeps.task_models import check_task_models
from idse.toml_file import only_known, read_toml_file, toml_table, whole_seed

_TOP = ("name", "seed", "qp", "scale", "dataset", "detectors", "codecs", "keep_streams", "pseudo_score")


@dataclass(frozen=True)
class Plan:
    """What a sweep measures.

    Attributes:
        name: Of the sweep in the store.
        dataset: Pictures or sequences.
        detectors: What looks at them.
        codecs: Rows of the tables.
        seed: Of the maps.
        pseudo_score: Detections on the uncompressed picture above this are its pseudo ground truth.
        keep_streams: Keep streams in the store: the gallery shows them, and another detector needs no new encode.
        text: The plan's own words.
        folder: What its paths are relative to.
    """

    name: str
    dataset: DatasetSettings
    detectors: tuple[DetectorSettings, ...]
    codecs: tuple[PlanCodec, ...]
    seed: int = 0
    pseudo_score: float = 0.3
    keep_streams: bool = True
    text: str = ""
    folder: Path = Path()

    def detector(self, name: str) -> DetectorSettings | None:
        """The plan's detector of that name."""
        return next((d for d in self.detectors if d.name == name), None)


def read_plan(path: Path) -> Plan:
    """Read a plan's file.

    Raises:
        IdseError: It cannot be read, is no TOML, or says something unknown.
    """
    return read_toml_file(path, "plan", parse_plan)


def parse_plan(text: str, folder: Path, name: str = "sweep") -> Plan:
    """A plan from its words; paths are relative to `folder`.

    Raises:
        IdseError: No TOML, or something unknown or missing in it.
    """
    table = toml_table(text)
    only_known(table, _TOP, "the plan")
    if not isinstance(table.get("dataset"), dict):
        raise IdseError("the plan needs a [dataset]")
    seed = whole_seed(table)
    score = table.get("pseudo_score", 0.3)
    if not isinstance(score, (int, float)) or not 0 <= score < 1:
        raise IdseError(f"pseudo_score {score}: must be 0 or more, below 1")
    codecs: list[PlanCodec] = []
    for entry in _tables(table, "codecs"):
        codecs += read_codecs(entry, table, folder, seed)
    if not codecs:
        raise IdseError("the plan needs at least one [[codecs]]")
    detectors = tuple(_detector(entry, folder) for entry in _tables(table, "detectors"))
    for what, names in (("codecs", [c.name for c in codecs]), ("detectors", [d.name for d in detectors])):
        if twice := {n for n in names if names.count(n) > 1}:
            raise IdseError(f"two {what} are called '{min(twice)}': give each a name of its own")
    for codec in codecs:
        check_task_models(codec, detectors)
    return Plan(
        name=str(table.get("name", name)),
        dataset=read_dataset_table(table["dataset"], folder),
        detectors=detectors,
        codecs=tuple(codecs),
        seed=seed,
        pseudo_score=float(score),
        keep_streams=bool(table.get("keep_streams", True)),
        text=text,
        folder=folder,
    )


def _detector(entry: Mapping[str, Any], folder: Path) -> DetectorSettings:
    known = tuple(f.name for f in dataclasses.fields(DetectorSettings))
    only_known(entry, known, "a detector")
    values = dict(entry)
    if not isinstance(values.get("model"), str):
        raise IdseError("a detector needs a model: an ONNX file, or torchvision's name")
    if values["model"].lower().endswith(".onnx"):
        values["model"] = str(folder / values["model"])
    values.setdefault("name", Path(values["model"]).stem)
    if "weights" in values:
        values["weights"] = folder / values["weights"]
    if "classes" in values:
        values["classes"] = tuple(values["classes"])
    return DetectorSettings(**values)


def _tables(table: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    entries = table.get(name, [])
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise IdseError(f"write {name} as [[{name}]]")
    return entries
