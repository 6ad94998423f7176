"""Compares decoded samples with the encoder's reconstruction: FFmpeg in process, VTM and VVdeC as programs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from idse.media.frame import Frame, plane_shapes
from idse.media.video import vvc_decoder

Planes = list[npt.NDArray[np.uint16]]


def decode_ffmpeg(data: bytes) -> list[Planes]:
    """Return the 10-bit planes of every picture, directly from FFmpeg's decoder without code of idse.

    Raises:
        av.error.FFmpegError: The decoder refuses the stream.
        ValueError: The pictures do not have 10 bit, or this FFmpeg has no VVC decoder.
    """
    decoder = vvc_decoder()
    pictures = []
    for packet in [*decoder.parse(data), *decoder.parse(None), None]:
        for picture in decoder.decode(packet):
            if picture.format.name not in ("yuv420p10le", "gray10le"):
                raise ValueError(f"decoded to {picture.format.name}")
            planes = []
            for plane in picture.planes:
                samples = np.frombuffer(memoryview(plane), dtype="<u2").reshape(
                    plane.height, plane.line_size // 2
                )
                planes.append(samples[:, : plane.width].astype(np.uint16))
            pictures.append(planes)
    return pictures


def read_yuv16(path: Path, like: Frame, count: int) -> list[Planes]:
    """Read `count` pictures of 16-bit little-endian samples, in the size and format of a frame.

    Decoders write 4:0:0 with or without chroma planes; both can be read, and only luma is returned.
    """
    samples = np.fromfile(path, dtype="<u2")
    shapes = plane_shapes(like.width, like.height, like.chroma_format)
    need = sum(h * w for h, w in shapes)
    filled = sum(h * w for h, w in plane_shapes(like.width, like.height, "420"))
    if samples.size not in (need * count, filled * count):
        raise ValueError(f"{samples.size} samples decoded, {need * count} expected")
    pictures = []
    for picture in samples.reshape(count, -1):
        planes, at = [], 0
        for h, w in shapes:
            planes.append(picture[at : at + h * w].reshape(h, w))
            at += h * w
        pictures.append(planes)
    return pictures


def difference(expected: list[Frame], decoded: list[Planes]) -> str:
    """Return the first difference between decoded pictures and the encoder's reconstruction; empty if there is none."""
    if len(expected) != len(decoded):
        return f"{len(decoded)} pictures decoded, {len(expected)} coded"
    for number, (frame, planes) in enumerate(zip(expected, decoded, strict=True)):
        if len(frame.planes) != len(planes):
            return f"picture {number}: {len(planes)} planes decoded, {len(frame.planes)} coded"
        for name, ours, theirs in zip("YUV", frame.planes, planes, strict=False):
            if ours.shape != theirs.shape:
                return f"picture {number} {name}: {theirs.shape} decoded, {ours.shape} coded"
            wrong = np.argwhere(ours != theirs)
            if len(wrong):
                y, x = (int(v) for v in wrong[0])
                return (
                    f"picture {number} {name}: {len(wrong)} of {ours.size} samples differ, first in raster order at "
                    f"x={x} y={y} (recon {ours[y, x]}, decoder {theirs[y, x]}); "
                    f"box x {wrong[:, 1].min()}..{wrong[:, 1].max()} y {wrong[:, 0].min()}..{wrong[:, 0].max()}"
                )
    return ""


def check_ffmpeg(data: bytes, recon: list[Frame]) -> str:
    """Return the problem that FFmpeg's decoder finds in a stream; empty if there is none."""
    try:
        return difference(recon, decode_ffmpeg(data))
    except (av.error.FFmpegError, ValueError) as error:
        return f"FFmpeg: {error}"


def check_program(
    program: Path, stream: Path, recon: list[Frame], md5: bool, *, vtm: bool | None = None
) -> str:
    """Return the problem that VTM's DecoderApp or vvdecapp finds in a stream; empty if there is none.

    `vtm` says which program it is; by default its name does. `md5` says whether the stream has MD5 SEIs. VTM reports
    for every picture whether the MD5 agrees. vvdecapp may return 0 although it failed, so only its samples count.
    """
    output = stream.with_suffix(".yuv")
    output.unlink(missing_ok=True)
    vtm = "DecoderApp" in program.name if vtm is None else vtm
    command = [str(program), "-b", str(stream), "-o", str(output), *(["-d", "0"] if vtm else ["-t", "1"])]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    said = ran.stdout + ran.stderr
    last = said.strip().splitlines()[-1] if said.strip() else "no output"
    try:
        if ran.returncode != 0:
            return f"{program.name}: exit status {ran.returncode}: {last}"
        if vtm and "ERROR" in said:
            return (
                f"{program.name}: MD5 mismatch: {next(line for line in said.splitlines() if 'ERROR' in line)}"
            )
        agreed = len(re.findall(r"\(OK\)", said))
        if vtm and md5 and agreed != len(recon):
            return f"{program.name}: {agreed} MD5 SEIs agree of {len(recon)}"
        if not output.exists():
            return f"{program.name}: wrote nothing: {last}"
        found = difference(recon, read_yuv16(output, recon[0], len(recon)))
        return found and f"{program.name}: {found}"
    except ValueError as error:
        return f"{program.name}: {error}"
    finally:
        output.unlink(missing_ok=True)
