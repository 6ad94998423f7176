"""The laboratory around VTM: its engine for every configuration, and what names a result of it."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from idse.detectors import load_detectors
from idse.engines.base import EncodeSettings
from idse.engines.vtm.command import Files, arguments, without_paths
from idse.engines.vtm.engine import VtmEngine
from idse.engines.vtm.options import VtmOptions
from idse.engines.vtm.tree import VtmTree
from idse.errors import IdseError
from idse.experiments.laboratory import Laboratory
from idse.experiments.measurement import Measurement
from idse.experiments.plan import Configuration
from idse.experiments.sweep import Cell
from idse.experiments.vtm_plan import VtmConfiguration
from idse.media.frame import Frame

if TYPE_CHECKING:
    from idse.features.base import FeatureExtractor

_CONFIG = "encoder_intra_vtm.cfg"
_FRAME = Frame.from_rgb(np.zeros((64, 64, 3), np.uint8))


@dataclass(frozen=True)
class Bench:
    """All it takes to make the laboratory in another process.

    Attributes:
        detectors: Folder of the ONNX detectors.
        root: The checkout of VTM.
        extra: Arguments for VTM in all configurations.
        base: Settings of all configurations.
        seed: Of the maps.
        maps: Folder where maps are kept.
        timeout: Seconds after which an encode is given up.
    """

    detectors: Path
    root: Path
    extra: tuple[str, ...] = ()
    base: EncodeSettings = dataclasses.field(default_factory=EncodeSettings)
    seed: int = 0
    maps: Path | None = None
    timeout: float | None = None

    def options(self, configuration: Configuration) -> VtmOptions:
        """What VTM is told beyond the settings."""
        assert isinstance(configuration, VtmConfiguration)
        return VtmOptions(
            tools=configuration.tools,
            extra=self.extra,
            lmcs=None if configuration.lmcs else False,
            timeout=self.timeout,
        )

    def identity(self, configuration: Configuration) -> object:
        """What decides VTM's bytes: program, configuration file, and the command for a made-up picture at QP 0.

        The command and not `EncodeSettings`, most of which VTM never sees: a setting more for another engine must not
        cost days of encodes.
        """
        options, settings = self.options(configuration), configuration.settings(0, self.base)
        tree, files = VtmTree.open(self.root), Files(Path("/idse"))
        tools = options.tools_for(settings.weight_scope) if configuration.importance != "none" else None
        command = arguments(tree, files, _FRAME, 1, settings, options, tools, patched=False)
        return [*_program(self.root)[:2], *without_paths(command, tree, files)]

    @property
    def program(self) -> str:
        """The beginning of the executable's SHA-256."""
        return _program(self.root)[0][:12]


@functools.cache
def laboratory(bench: Bench) -> Laboratory:
    """This process's laboratory."""
    import torch

    torch.set_num_threads(1)

    def extractor(name: str) -> FeatureExtractor:
        from idse.features.api import load_extractor

        path = bench.detectors / f"{name}.onnx"
        return load_extractor(name if name == "embedded" else str(path), device="cpu")

    def engine_of(configuration: Configuration) -> VtmEngine:
        return _engine(bench.root, bench.options(configuration))

    return Laboratory(
        _engine(bench.root, VtmOptions()),
        load_detectors(bench.detectors),
        extractor,
        bench.base,
        bench.seed,
        engine_of=engine_of,
        identity=bench.identity,
        settings_that_count=(),  # the command in `identity` tells more
        clock=children_cpu,
        map_folder=bench.maps,
    )


def measure(bench: Bench, cell: Cell) -> Measurement:
    """Code and look at one cell."""
    results = dict(laboratory(bench).measure(cell.picture, cell.configuration, [cell.qp]))
    if _stamp(_executable(bench.root)) != _program(bench.root)[2]:
        raise IdseError(f"{bench.root}: VTM was built anew meanwhile; what it codes now goes by another key")
    return results[cell.qp]


def check(bench: Bench, configurations: Sequence[Configuration]) -> None:
    """Refuse configurations that this VTM cannot code, before hours are spent on others.

    Raises:
        IdseError: It is not patched, or has no such option.
    """
    for configuration in configurations:
        engine = _engine(bench.root, bench.options(configuration))
        engine.check(configuration.settings(32, bench.base), weighted=configuration.importance != "none")


def children_cpu() -> float:
    """User CPU seconds of the programs that this process ran and that have ended."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime


@functools.cache
def _engine(root: Path, options: VtmOptions) -> VtmEngine:
    return VtmEngine(root, options=options)


@functools.cache
def _program(root: Path) -> tuple[str, str, object]:
    """SHA-256 of the executable and of VTM's configuration file, and the executable's stamp as they were read."""
    tree, executable = VtmTree.open(root), _executable(root)
    stamp = _stamp(executable)
    program, config = (hashlib.sha256(f.read_bytes()).hexdigest() for f in (executable, tree.config(_CONFIG)))
    return program, config, stamp


def _executable(root: Path) -> Path:
    executable = VtmTree.open(root).executable
    if executable is None:
        raise IdseError(f"{root}: no EncoderApp below its bin folder: build VTM first")
    return executable


def _stamp(file: Path) -> object:
    """Changes when a file is written anew."""
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
