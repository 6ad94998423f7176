"""VTM, the standard's reference encoder, as an engine: it runs a user's checkout, which is patched for weights."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from idse.engines.base import EncodedStream, Engine, Progress, check_frames
from idse.engines.settings import EncodeSettings, FrequencyScope, WeightScope
from idse.errors import IdseError
from idse.media import raw
from idse.vtm.command import (
    Files,
    arguments,
    check_frame,
    configuration,
    input_depth,
    without_paths,
)
from idse.vtm.executable import Executable
from idse.vtm.in_process import InProcess
from idse.vtm.log import Log
from idse.vtm.options import VtmOptions, frequency_names
from idse.vtm.patcher import status
from idse.vtm.result import read_result
from idse.vtm.scaling_lists import list_file
from idse.vtm.tree import VtmTree

if TYPE_CHECKING:
    from idse.engines.settings import Shaping
    from idse.importance.weight_map import WeightMap
    from idse.media.frame import Frame

ROOT_VARIABLE = "IDSE_VTM_ROOT"


class VtmEngine(Engine):
    """A built VTM 8.2, 10.0 or 23.x: 8- to 10-bit input of 4:2:0 or 4:0:0, coded in 10 bit at a fixed QP.

    Without weights, any build works and gives VTM's own bytes; weights need a patched build. VTM works in one
    thread and has no presets: `EncodeSettings.threads` and `preset` have no effect.

    Args:
        root: The checkout. None means the folder that the environment variable IDSE_VTM_ROOT names or, with
            `VtmOptions.in_process`, the one that the module was built from.
        options: How to run VTM.

    Attributes:
        tree: The checkout.
        patched: Whether weights can be used.
        verify_refusal: Why FFmpeg cannot confirm the streams; None if it can.

    Raises:
        IdseError: There is no such checkout, it is not built, or the module is missing.
    """

    name = "vtm"
    stream_format = "vvc"
    codes_at = "a fixed QP"
    takes_weights = True
    takes_md5 = True
    takes_chroma_offsets = True
    path_options: ClassVar[frozenset[str]] = frozenset({"root", "executable"})
    list_options: ClassVar[frozenset[str]] = frozenset({"tools", "extra"})
    unhashed_options: ClassVar[frozenset[str]] = path_options | {"in_process", "timeout"}

    def __init__(self, root: Path | None = None, *, options: VtmOptions | None = None) -> None:
        self.options = options or VtmOptions()
        self._runner: Executable | InProcess
        if self.options.in_process:
            self._runner = inside = InProcess()
            self.tree = VtmTree.open(find_root(root) or inside.root)
            if self.tree.version != inside.version:
                raise IdseError(
                    f"the module idse._vtm is VTM {inside.version}, {self.tree.root} is VTM {self.tree.version}: "
                    "name the folder it was built from, or build it again"
                )
            self.patched = True
        else:
            found = find_root(root)
            if found is None:
                raise IdseError(
                    f"which VTM? Set {ROOT_VARIABLE}, or --vtm-root (in a plan: root), "
                    "to the folder of a VTM that was built"
                )
            self.tree = VtmTree.open(found)
            path = self.options.executable or self.tree.executable
            if path is None:
                raise IdseError(
                    f"VTM {self.tree.version} at {self.tree.root} is not built: run 'cmake -S {self.tree.root} -B "
                    f"{self.tree.root}/build -DCMAKE_BUILD_TYPE=Release' and "
                    f"'cmake --build {self.tree.root}/build --target EncoderApp'"
                )
            self._runner = Executable.open(path)
            self.patched = self._runner.patched
        self.version = self.tree.version
        self._patched_by = _patched_by(self.tree.root) if self.patched else None
        self.verify_refusal = (
            f"VTM {self.version} is older than the final text of the standard, FFmpeg cannot confirm its streams: "
            "leave out --verify, or take VTM 10.0 or later"
            if _before_final(self.version)
            else None
        )

    @classmethod
    def option_names(cls) -> frozenset[str]:
        """The checkout (`root`) and the fields of `VtmOptions`."""
        return frozenset({"root", *(field.name for field in dataclasses.fields(VtmOptions))})

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> VtmEngine:
        """Make the engine from `root` and the fields of `VtmOptions`; see `Engine.from_options`."""
        given = cls.converted(options)
        root = given.pop("root", None)
        return cls(root, options=VtmOptions(**given))

    @classmethod
    def installation(cls) -> str:
        """Describe the checkout that the environment names; see `Engine.installation`."""
        if find_root() is None:
            raise IdseError(f"set {ROOT_VARIABLE} to the folder of a built VTM, to code with it")
        engine = cls()
        patched = "patched" if engine.patched else "not patched: codes without weights"
        return f"VTM {engine.version} at {engine.tree.root}, built, {patched}"

    @functools.cached_property
    def identity(self) -> dict[str, Any]:
        """Hashes of the encoder and of its configuration file, and the patch."""
        config = hashlib.sha256(configuration(self.tree, self.options).read_bytes()).hexdigest()
        return {"build": self._runner.sha256, "patched_by": self._patched_by, "configuration": config}

    def encode(
        self,
        frames: Sequence[Frame],
        weights: WeightMap | None,
        settings: EncodeSettings,
        progress: Progress | None = None,
    ) -> EncodedStream:
        """Code frames of one size; see `Engine.encode`. Safe to call from several threads at once.

        Without weights, or with `WeightScope.NONE`, VTM codes as if it were not patched. A frame's `bytes` are those of
        its slice, picture header, filter parameters (APS) and SEI.

        Raises:
            IdseError: VTM cannot code this, or fails; the message holds its own in one line.
        """
        check_frames(frames)
        first = frames[0]
        check_frame(first)
        if settings.shaping.weight_scope is WeightScope.NONE:
            weights = None
        self.check(
            settings, weighted=weights is not None, tiles=weights is not None and weights.tiles is not None
        )
        if weights is not None:
            weights.check_fits(first.width, first.height, len(frames))
        tools = None if weights is None else self.options.tools_for(settings.shaping.weight_scope)
        frequency = self._frequency(weights, settings.shaping)
        if weights is not None and frequency is FrequencyScope.NONE:
            weights = dataclasses.replace(weights, profiles=None)
        lists = self._scaling_lists(weights, frequency, settings)

        log = Log(len(frames), progress)
        with _folder() as files:
            _write_input(files, frames, weights, lists)
            command = arguments(
                self.tree, files, first, len(frames), settings, self.options, tools, patched=self.patched,
                frequency=frequency, lists=lists is not None,
            )  # fmt: skip
            began = time.perf_counter()
            self._runner.run(command, log, self.options.timeout)
            seconds = time.perf_counter() - began
            result = read_result(files, frames, settings, log)
        return EncodedStream(
            data=result.data,
            recon=result.recon,
            frames=result.frames,
            seconds=seconds,
            provenance=self._provenance(
                settings, tools, without_paths(command, self.tree, files), log, frequency, lists is not None
            ),
        )

    def check(self, settings: EncodeSettings, *, weighted: bool, tiles: bool = False) -> None:
        """Refuse settings that this VTM cannot code with; see `Engine.check`."""
        super().check(settings, weighted=weighted, tiles=tiles)
        if settings.md5_sei and _old_hashes(self.version):
            raise IdseError(
                f"VTM {self.version} writes a picture's MD5 in the format of a draft, which decoders report as damage: "
                "leave out --md5"
            )
        if not weighted or settings.shaping.weight_scope is WeightScope.NONE:
            return
        if tiles:
            raise IdseError("the vtm engine takes no rank-l tiles: use a map without tiles (no --tiles)")
        if not self.patched:
            raise IdseError(
                f"VTM at {self.tree.root} is not patched, or was not built after the patch: run "
                f"'idse vtm patch {self.tree.root}', and build it (without weights, --importance none, it works)"
            )

    def _frequency(self, weights: WeightMap | None, shaping: Shaping) -> FrequencyScope:
        """Where the map's frequency profile acts; `NONE` if it has none."""
        if weights is None or weights.profiles is None or shaping.gamma == 0:
            return FrequencyScope.NONE
        frequency = self.options.frequency_for(shaping.frequency_scope)
        if frequency is not FrequencyScope.NONE and not self._runner.takes_profiles:
            raise IdseError(
                f"VTM at {self.tree.root} was patched by an idse without frequency weights: run "
                f"'idse vtm patch {self.tree.root}', and build it (with gamma 0 it works)"
            )
        return frequency

    def _scaling_lists(
        self, weights: WeightMap | None, frequency: FrequencyScope, settings: EncodeSettings
    ) -> str | None:
        """Return VTM's file of scaling lists; None where the stream is to have none, or they would all be flat."""
        shaping = settings.shaping
        if weights is None or weights.profiles is None or shaping.scaling_lists == "off":
            return None
        if FrequencyScope.QUANT not in frequency:
            return None
        if settings.tools.dependent_quant and _fails_with_lists(self.version):
            if shaping.scaling_lists == "auto":
                return None
            raise IdseError(
                f"VTM {self.version} fails with scaling lists and dependent quantisation: leave out one of them "
                "(scaling lists auto or off, or no dependent quantisation), or take VTM 23"
            )
        return list_file(weights.profiles[0], shaping)

    def _provenance(
        self,
        settings: EncodeSettings,
        tools: tuple[str, ...] | None,
        command: list[str],
        log: Log,
        frequency: FrequencyScope,
        lists: bool,
    ) -> dict[str, Any]:
        share = None
        if log.weighted is not None:
            share = log.weighted[0] / max(1, log.weighted[1])
        return self.provenance(
            settings,
            patched=self.patched,
            patched_by=self._patched_by,
            in_process=self.options.in_process,
            executable_sha256=self._runner.sha256 if isinstance(self._runner, Executable) else None,
            command=command,
            mode=self.options.mode,
            tools=None if tools is None else list(tools),
            frequency_acts=frequency_names(frequency),
            scaling_lists=lists,
            uniform_map=log.uniform,
            weighted_share=share,
            lmcs=log.lmcs,
            decoder=f"VTM {self.version} only" if self.verify_refusal else "any VVC decoder",
            log=log.figures(),
        )


def find_root(root: Path | None = None) -> Path | None:
    """Return the checkout to use: `root`, else the one that the environment names, else None."""
    named = os.environ.get(ROOT_VARIABLE)
    return root or (Path(named) if named else None)


def _before_final(version: str) -> bool:
    """Whether the syntax is the final one: VTM 9.0 was the first version after the text of July 2020 was final."""
    return int(version.split(".")[0]) < 9


def _old_hashes(version: str) -> bool:
    """Whether the hash SEI has the final format: VTM 10's lacks a byte; so does 8.2's, but its decoder expects that."""
    return not _before_final(version) and int(version.split(".")[0]) < 11


def _fails_with_lists(version: str) -> bool:
    """Whether dependent quantisation with scaling lists ends in VTM's own errors or crashes; 10.0 does, 23.13 works."""
    return int(version.split(".")[0]) < 23


def _patched_by(root: Path) -> str | None:
    try:
        return status(root).patched_by
    except IdseError:
        return None


@contextmanager
def _folder() -> Iterator[Files]:
    """Make a temporary folder for one encode, and remove it at the end in any case."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="idse-vtm-", ignore_cleanup_errors=True)
    except OSError as error:
        raise IdseError(
            f"cannot make a temporary folder ({error.strerror}); TMPDIR names another place"
        ) from None
    with folder:
        yield Files(Path(folder.name).resolve())


def _write_input(
    files: Files, frames: Sequence[Frame], weights: WeightMap | None, lists: str | None
) -> None:
    depth = input_depth(frames[0])
    try:
        with files.source.open("wb") as target:
            raw.write_frames(target, (frame.with_bit_depth(depth) for frame in frames))
        if lists is not None:
            files.lists.write_text(lists, encoding="ascii")
    except OSError as error:
        raise IdseError(
            f"cannot write VTM's input to {files.folder} ({error.strerror}); TMPDIR names another place"
        ) from None
    if weights is not None:
        dataclasses.replace(weights, meta={}).save(files.weights)
