"""VTM's arguments for `EncodeSettings` in each version; the executable and `idse._vtm` take the same list."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from idse.engines.settings import EncodeSettings, FrequencyScope
from idse.errors import IdseError
from idse.media.frame import Frame
from idse.vtm.options import VtmOptions, frequency_names
from idse.vtm.tree import VtmTree

FRAME_RATE = 30  # affects only levels and inter configurations
SMALLEST_SIDE = 8  # VTM's smallest coding unit; other sizes are padded to a multiple of it

_CONFIGS = {
    "intra": "encoder_intra_vtm.cfg",
    "lowdelay": "encoder_lowdelay_vtm.cfg",
    "randomaccess": "encoder_randomaccess_vtm.cfg",
}
# cpp/vvc/bitstream/chroma_qp_table.h
_NATIVE_CHROMA_QP = ("17 27 32 44", "17 29 34 41")
_GREATEST_TAU = 1e30  # VTM cannot read "inf"; this value gives plain squared error to the last bit, too


@dataclass(frozen=True)
class Files:
    """The files of one encode, in a folder that has nothing else."""

    folder: Path

    @property
    def source(self) -> Path:
        """The raw frames."""
        return self.folder / "source.yuv"

    @property
    def weights(self) -> Path:
        """The weight map."""
        return self.folder / "weights.idsew"

    @property
    def lists(self) -> Path:
        """The scaling lists, in VTM's format."""
        return self.folder / "lists.txt"

    @property
    def stream(self) -> Path:
        """The stream that VTM writes."""
        return self.folder / "stream.266"

    @property
    def recon(self) -> Path:
        """The reconstruction, in 10 bit."""
        return self.folder / "recon.yuv"


def check_frame(frame: Frame) -> None:
    """Refuse frames that VTM cannot code.

    Raises:
        IdseError: VTM cannot code the bit depth or the size.
    """
    if frame.bit_depth > 10:
        raise IdseError(f"bit depth {frame.bit_depth}: the vtm engine takes 8..10; convert the input")
    size = f"{frame.width}x{frame.height}"
    if min(frame.width, frame.height) < SMALLEST_SIDE:
        raise IdseError(f"{size}: VTM codes pictures of at least {SMALLEST_SIDE}x{SMALLEST_SIDE}")
    if frame.chroma_format != "400" and (frame.width % 2 or frame.height % 2):
        raise IdseError(
            f"{size}: 4:2:0 needs an even width and height; crop the picture, or code it without chroma"
        )


def input_depth(frame: Frame) -> int:
    """Return the bits per sample of the file that VTM reads; frames of 9 bit are written in 10 bit."""
    return 8 if frame.bit_depth == 8 else 10


def arguments(
    tree: VtmTree,
    files: Files,
    frame: Frame,
    count: int,
    settings: EncodeSettings,
    options: VtmOptions,
    tools: tuple[str, ...] | None,
    *,
    patched: bool,
    frequency: FrequencyScope = FrequencyScope.NONE,
    lists: bool = False,
) -> list[str]:
    """Return VTM's arguments.

    Args:
        tree: The checkout; its configuration files are used, and its version decides the names of the options.
        files: The files of the encode.
        frame: Any of the frames; all have one size, bit depth and chroma format.
        count: Number of frames.
        settings: The settings; `preset` and `threads` have no counterpart in VTM.
        options: Options of the engine.
        tools: The tools that use the weights; None without weights.
        patched: Whether this VTM has the options of idse's patch.
        frequency: Where the map's frequency profile acts; only with `tools`.
        lists: Whether `files.lists` has scaling lists for the stream.
    """
    chroma = frame.chroma_format != "400"
    given: dict[str, object] = {
        "InputFile": files.source,
        "BitstreamFile": files.stream,
        "ReconFile": files.recon,
        "SourceWidth": frame.width,
        "SourceHeight": frame.height,
        "InputChromaFormat": frame.chroma_format,
        "InputBitDepth": input_depth(frame),
        "InternalBitDepth": 10,
        "OutputBitDepth": 10,
        "FrameRate": FRAME_RATE,
        "FrameSkip": 0,
        "FramesToBeEncoded": count,
        "TemporalSubsampleRatio": 1,  # the intra configurations code only every eighth picture
        "ConformanceWindowMode": 1,  # pads to whole coding units, and sets the conformance window
        "QP": settings.target.qp,
        "CTUSize": settings.tools.ctu_size,
        "DualITree": int(settings.tools.dual_tree and chroma),
        "LMChroma": int(settings.tools.cclm and chroma),
        "DepQuant": int(settings.tools.dependent_quant),
        "SignHideFlag": int(not settings.tools.dependent_quant),
        "TransformSkip": int(settings.tools.transform_skip),
        "WaveFrontSynchro": int(settings.tools.wpp),
        "SEIDecodedPictureHash": int(settings.md5_sei),
    }
    if settings.tools.ctu_size < 128:  # VTM's default of 128 would be too large for it
        given["MaxBTNonISlice"] = settings.tools.ctu_size
    if not settings.tools.transform_skip:  # both are forms of transform skip
        given |= {"ChromaTS": 0, "BDPCM": 0}
    if not settings.tools.deblocking:
        given[_name(tree, "DeblockingFilterDisable")] = 1
    if chroma:
        given |= _chroma_offsets(settings)
        if options.chroma_qp_table == "native":
            given |= {
                "SameCQPTablesForAllChroma": 1,
                "QpInValCb": _NATIVE_CHROMA_QP[0],
                "QpOutValCb": _NATIVE_CHROMA_QP[1],
            }
    if options.lmcs is not None:
        given["LMCSEnable"] = int(options.lmcs)
    if patched:
        given["IDSEProgress"] = 1
    if tools is not None:
        given |= {
            "IDSEWeightMap": files.weights,
            "IDSETau": repr(float(min(settings.shaping.tau, _GREATEST_TAU))),
            "IDSEExponent": repr(float(settings.shaping.exponent)),
            "IDSEClipQP": repr(float(settings.shaping.clip_qp)),
            "IDSETools": ",".join(tools) or "none",
        }
    if frequency is not FrequencyScope.NONE:
        given |= {
            "IDSEGamma": repr(float(settings.shaping.gamma)),
            "IDSEProfileFloor": repr(float(settings.shaping.profile_floor)),
            "IDSEFrequency": ",".join(frequency_names(frequency)),
        }
    if lists:
        given |= {"ScalingList": 2, "ScalingListFile": files.lists}
    return [
        "-c",
        str(configuration(tree, options)),
        *(f"--{name}={value}" for name, value in given.items()),
        *options.extra,
    ]


def configuration(tree: VtmTree, options: VtmOptions) -> Path:
    """Return VTM's configuration file for a mode.

    Raises:
        IdseError: The checkout does not have the file.
    """
    return tree.config(_CONFIGS[options.mode])


def without_paths(arguments: list[str], tree: VtmTree, files: Files) -> list[str]:
    """Return the command without the names of the folders, so that it does not depend on where the files are."""
    folder, root = f"{files.folder}/", f"{tree.root}/"
    return [a.replace(folder, "").replace(root, "") for a in arguments]


def _name(tree: VtmTree, name: str) -> str:
    """Return the name of an option in this version."""
    old = {"DeblockingFilterDisable": "LoopFilterDisable"}
    return old.get(name, name) if int(tree.version.split(".")[0]) < 11 else name


def _chroma_offsets(settings: EncodeSettings) -> dict[str, object]:
    """Return the options for `pps_cb_qp_offset`, `pps_cr_qp_offset` and the offset of the joint mode.

    The ...DualTree options are slice offsets that VTM adds to these in dual-tree pictures, so they stay 0. In the joint
    mode one residual codes both planes: its offset is the mean of both added to VTM's own offset of -1.
    """
    cb, cr = settings.cb_qp_offset, settings.cr_qp_offset
    if cb == cr == 0:
        return {}
    joint = max(-12, min(12, math.floor((cb + cr) / 2) - 1))
    return {"CbQpOffset": cb, "CrQpOffset": cr, "CbCrQpOffset": joint}
