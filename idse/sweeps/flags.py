"""A plan from a few flags: the common sweeps without a file. What comes out is a plan's text, kept like any other."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idse.errors import IdseError


@dataclass(frozen=True)
class Flags:
    """What `idse sweep` was told.

    Attributes:
        images: Folder of pictures, file of a sequence, or root of Cityscapes.
        annotations: COCO's, where there are any.
        kind: Of the data set; None: "coco" with annotations, "folder" or "sequence" without.
        detectors: ONNX files or torchvision's names.
        codecs: "x265", "x265:preset=slow,qp=22 27", "idse=native:tau=0.1": name, engine, settings.
        tables: Further codecs as a plan's `[[codecs]]` have them, plain values by key, paths absolute.
        qps: Of every codec that names none.
        scales: Per cent.
        importance: Of the codecs whose engine takes maps: "embedded", "activity" or a detector of those above; each
            adds rows beside the plain ones.
        proj_dims: Rows of the sketch.
        taus: Shares of plain squared error.
        task_models: What looks at every codec's pictures in a detector's place, by the detector's name:
            FILE-{qp}.onnx.
        limit: So many pictures at most.
        seed: Of the maps.
        name: Of the sweep.
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
    proj_dims: Sequence[int] = ()
    taus: Sequence[float] = ()
    task_models: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None
    seed: int = 0
    name: str = "sweep"


def plan_text(flags: Flags) -> str:
    """The plan's TOML, with absolute paths.

    Raises:
        IdseError: A codec that cannot be read.
    """
    kind = flags.kind or ("coco" if flags.annotations else "folder" if flags.images.is_dir() else "sequence")
    lines = [
        _line("name", flags.name),
        _line("seed", flags.seed),
        _line("qp", list(flags.qps)),
        _line("scale", list(flags.scales)),
        "",
        "[dataset]",
        _line("kind", kind),
        _line("images", str(flags.images.resolve())),
    ]
    if flags.annotations:
        lines.append(_line("annotations", str(flags.annotations.resolve())))
    if flags.limit is not None:
        lines.append(_line("limit", flags.limit))
    for detector in flags.detectors:
        model = str(Path(detector).resolve()) if detector.lower().endswith(".onnx") else detector
        lines += ["", "[[detectors]]", _line("model", model)]
    for text in flags.codecs:
        lines += _codec(text, flags)
    for table in flags.tables:
        lines += ["", "[[codecs]]", *[_line(k, v) for k, v in table.items()], *_task_models(flags)]
    return "\n".join(lines) + "\n"


def _codec(text: str, flags: Flags) -> list[str]:
    head, _, tail = text.partition(":")
    name, _, engine = head.partition("=")
    engine = engine or name
    settings = {}
    for pair in filter(None, (p.strip() for p in tail.split(","))):
        key, equals, value = pair.partition("=")
        if not equals:
            raise IdseError(f"--codec {text}: '{pair}' must look like preset=slow")
        settings[key.strip()] = _value(value)
    lines = ["", "[[codecs]]", _line("name", name), _line("engine", engine)]
    plain = [*lines, *[_line(k, v) for k, v in settings.items()], *_task_models(flags)]
    if engine not in ("native", "vtm"):
        return plain
    out = plain
    for source in flags.importance:
        row = [*plain]
        row[2] = _line("name", f"{name} {Path(source).stem}")
        if flags.taus:
            row.append(_line("tau", list(flags.taus) if len(flags.taus) > 1 else flags.taus[0]))
        if source == "activity":
            table = '{ method = "activity" }'
        else:
            detector = str(Path(source).resolve()) if source.lower().endswith(".onnx") else source
            table = f'{{ method = "jacobian", detector = {json.dumps(detector)}'
            if flags.proj_dims:
                dims = list(flags.proj_dims)
                table += f", proj_dim = {json.dumps(dims if len(dims) > 1 else dims[0])}"
            table += " }"
        out = [*out, *row, f"importance = {table}"]
    return out


def _task_models(flags: Flags) -> list[str]:
    pairs = [
        f"{json.dumps(name)} = {json.dumps(str(Path(file).resolve()))}"
        for name, file in flags.task_models.items()
    ]
    return [f"task_models = {{ {', '.join(pairs)} }}"] if pairs else []


def _value(text: str) -> Any:
    """Several words are a list; numbers and truth values are what they look like; the rest is text."""
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


def _line(key: str, value: Any) -> str:
    return f"{key} = {json.dumps(value)}"  # of what stands here TOML's form is JSON's
