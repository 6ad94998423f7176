"""Reads and checks the plan of a sweep, which is a TOML file.

name = "coco"
seed = 0
qp = [27, 32, 37, 42, 47]        # for every codec that names none
scale = [100]                    # coded size in per cent; several give a Pareto front

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
tau = [0.1, 0.2]                 # lists multiply: this gives four codecs
importance = { method = "jacobian", detector = "yolox_nano", proj_dim = [2, 8] }
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from idse.datasets import DatasetSettings
from idse.datasets.table import read_dataset_table
from idse.detectors import DetectorSettings
from idse.errors import IdseError
from idse.schema import Range, check_table, keys_of
from idse.sweeps.codec import PlanCodec
from idse.sweeps.codec_table import read_codecs
from idse.sweeps.task_models import check_task_models
from idse.toml_file import read_toml_file, toml_table


@dataclass(frozen=True)
class _PlanTable:
    """The keys of a plan's file, for `check_table`."""

    dataset: dict[str, Any]
    codecs: list[dict[str, Any]] = field(default_factory=list)
    detectors: list[dict[str, Any]] = field(default_factory=list)
    name: str = ""
    seed: Annotated[int, Range(least=0)] = 0
    qp: Any = None
    scale: Any = None
    pseudo_score: Annotated[float, Range(least=0, below=1)] = 0.3
    keep_streams: bool = True


@dataclass(frozen=True)
class _CodecTable:
    """The keys of `[[codecs]]` that are not checked elsewhere, for `check_table`."""

    name: str = ""
    engine: str = ""


@dataclass(frozen=True)
class Plan:
    """What a sweep measures.

    Attributes:
        name: The sweep's name in the store.
        dataset: The pictures or sequences.
        detectors: The detectors that are run on them.
        codecs: The codecs, which are the rows of the tables.
        seed: The seed of weight maps.
        pseudo_score: Detections on the uncompressed picture with a higher score are its pseudo ground truth.
        keep_streams: Whether streams are kept in the store. The report's gallery shows them, and another detector can
            be run without coding again.
        text: The text of the plan's file.
        folder: The folder that its paths are relative to.
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
        IdseError: The file cannot be read, is not TOML, or has a wrong key or value.
    """
    return read_toml_file(path, "plan", parse_plan)


def parse_plan(text: str, folder: Path, name: str = "sweep") -> Plan:
    """A plan from the text of its file; paths are relative to `folder`.

    Raises:
        IdseError: The text is not TOML, or a key or value is wrong or missing.
    """
    table = toml_table(text)
    top = check_table(table, _PlanTable, "", what="the plan")
    codecs: list[PlanCodec] = []
    for i, entry in enumerate(top.codecs):
        check_table(
            {k: v for k, v in entry.items() if k in keys_of(_CodecTable)}, _CodecTable, f"codecs[{i}]"
        )
        codecs += read_codecs(entry, table, folder, top.seed)
    if not codecs:
        raise IdseError("the plan needs at least one [[codecs]]")
    detectors = tuple(_detector(entry, folder, f"detectors[{i}]") for i, entry in enumerate(top.detectors))
    for what, names in (("codecs", [c.name for c in codecs]), ("detectors", [d.name for d in detectors])):
        if twice := {n for n in names if names.count(n) > 1}:
            raise IdseError(f"two {what} are called '{min(twice)}': give each a different name")
    for codec in codecs:
        check_task_models(codec, detectors)
    return Plan(
        name=table.get("name", name),
        dataset=read_dataset_table(top.dataset, folder),
        detectors=detectors,
        codecs=tuple(codecs),
        seed=top.seed,
        pseudo_score=float(top.pseudo_score),
        keep_streams=top.keep_streams,
        text=text,
        folder=folder,
    )


def _detector(entry: Mapping[str, Any], folder: Path, path: str) -> DetectorSettings:
    values = dict(entry)
    if isinstance(model := values.get("model"), str):
        if model.lower().endswith(".onnx"):
            values["model"] = str(folder / model)
        values.setdefault("name", Path(model).stem)
    if isinstance(values.get("weights"), str):
        values["weights"] = folder / values["weights"]
    return check_table(values, DetectorSettings, path)
