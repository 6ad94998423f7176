"""Detectors that were trained for a codec's pictures. For that codec they are used instead of the plan's own.

[[codecs]]
name = "T-FT"
engine = "learned"
codec = "runs/base/codec.idsec"
task_models = { yolox_nano = "runs/tft/task-{qp}.onnx" }    # {qp} stands for the QP

Their figures appear in the column of the detector that they replace. They are compared with the same truth: the
annotations, and the detections of the plan's own detector on the uncompressed pictures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from idse.detectors import DetectorSettings
from idse.errors import IdseError
from idse.hashing import file_hash
from idse.sweeps.codec import PlanCodec


def read_task_models(value: Any, folder: Path) -> dict[str, str]:
    """The `task_models` of a codec's table with absolute paths; `{qp}` is not replaced yet.

    Raises:
        IdseError: The value is not a table of names and files.
    """
    if not isinstance(value, dict) or not all(isinstance(v, str) and v for v in value.values()):
        raise IdseError('write task_models as { DETECTOR = "FILE" }; {qp} in FILE stands for the QP')
    return {name: str(folder / Path(file).expanduser()) for name, file in value.items()}


def check_task_models(codec: PlanCodec, detectors: tuple[DetectorSettings, ...]) -> None:
    """Raise an `IdseError` for a task model of a detector that the plan does not have, or of another kind of file."""
    known = {d.name: d for d in detectors}
    for name, file in codec.task_models.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise IdseError(f"codec '{codec.name}': task_models: no detector '{name}' in the plan (it has {names})")
        if _is_onnx(known[name].model) != _is_onnx(file):
            kind = "an ONNX file" if _is_onnx(known[name].model) else "a file of weights"
            raise IdseError(f"codec '{codec.name}': task_models: {name} needs {kind}, not {file}")


def task_settings(codec: PlanCodec, detector: DetectorSettings, qp: int) -> DetectorSettings | None:
    """The settings of the task model that replaces a detector for a codec; None: there is none."""
    file = _file(codec, detector.name, qp)
    if file is None:
        return None
    if _is_onnx(detector.model):
        return dataclasses.replace(detector, model=str(file))
    return dataclasses.replace(detector, weights=file)


def task_digests(codec: PlanCodec, qp: int) -> Mapping[str, str]:
    """SHA-256 of the task models' files at a QP, by the detector that they replace.

    Raises:
        IdseError: A file cannot be read.
    """
    found = {}
    for name in codec.task_models:
        file = _file(codec, name, qp)
        assert file is not None
        try:
            with file.open("rb") as opened:
                found[name] = file_hash(opened)
        except OSError as error:
            raise IdseError(
                f"codec '{codec.name}': the task model {file} cannot be read ({error.strerror})"
            ) from None
    return found


def _file(codec: PlanCodec, detector: str, qp: int) -> Path | None:
    template = codec.task_models.get(detector)
    return None if template is None else Path(template.replace("{qp}", str(qp)))


def _is_onnx(model: str) -> bool:
    return model.lower().endswith(".onnx")
