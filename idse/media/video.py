"""Decoding of video files and VVC streams with PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from idse.errors import IdseError
from idse.media.frame import ChromaFormat, Frame, Matrix
from idse.media.vvc_stream import check_md5, crop, parse_stream

# Formats taken as they are: chroma format, bit depth.
_FORMATS: dict[str, tuple[ChromaFormat, int]] = {
    "yuv420p": ("420", 8),
    "yuvj420p": ("420", 8),
    "yuv420p10le": ("420", 10),
    "yuv420p12le": ("420", 12),
    "gray": ("400", 8),
    "gray10le": ("400", 10),
    "gray12le": ("400", 12),
}
_NO_PICTURES = ("tty",)  # FFmpeg renders any text file as video
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_LIMITED_RANGE = 1
_BT709 = 1  # AVCOL_SPC_BT709
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED


def read_video(
    path: Path, *, matrix: Matrix | None = None, full_range: bool | None = None
) -> Iterator[Frame]:
    """Decode a file's first video stream. Formats other than 4:2:0 and grey are converted to 4:2:0 of 8 or 10 bit.

    Args:
        path: Any file that FFmpeg opens.
        matrix: Overrides the file's matrix; the default is BT.601.
        full_range: Overrides the file's range; the default is limited range.

    Raises:
        IdseError: FFmpeg does not know the format, or the file has no video or is damaged.
    """
    try:
        with av.open(str(path)) as container:
            if container.format.name in _NO_PICTURES or not container.streams.video:
                raise IdseError(f"{path}: not a readable picture or video (no video in it)")
            one_thread(container.streams.video[0].codec_context)
            for picture in container.decode(video=0):
                yield to_frame(picture, matrix, full_range, False)
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except FFmpegError as error:
        raise IdseError(f"{path}: not a readable picture or video ({error.strerror})") from None


def decode_vvc(
    data: bytes, *, name: str = "stream", matrix: Matrix | None = None, full_range: bool | None = None
) -> list[Frame]:
    """Decode an Annex B VVC stream with FFmpeg's own decoder, and verify the pictures' MD5 SEI.

    Args:
        data: The whole stream.
        name: Name of the stream for messages.
        matrix: As in `read_video`.
        full_range: As in `read_video`, but the default is full range, which idse uses for still pictures.

    Raises:
        IdseError: Not a VVC stream, a damaged one, or an FFmpeg without VVC.
    """
    try:
        info = parse_stream(data, name)
    except IdseError:
        info = None  # the decoder decides whether it is a stream
    decoder = vvc_decoder({"apply_cropping": "0"} if info else {})
    frames = []
    try:
        for packet in [*decoder.parse(data), *decoder.parse(None), None]:
            frames += [to_frame(picture, matrix, full_range, True) for picture in decoder.decode(packet)]
    except FFmpegError as error:
        raise IdseError(f"{name}: not a VVC stream, or damaged ({error.strerror})") from None
    if not frames:
        raise IdseError(f"{name}: not a VVC stream, or damaged (no picture in it)")
    if info is None:
        return frames
    if len(frames) != info.frames:
        raise IdseError(
            f"{name}: damaged VVC stream: {info.frames} pictures start in it, {len(frames)} could be decoded"
        )
    try:
        check_md5(info, frames)
        return [crop(frame, info.sps) for frame in frames]
    except IdseError as error:
        raise IdseError(f"{name}: {error}") from None


def vvc_decoder(options: Mapping[str, str] | None = None) -> Any:
    """FFmpeg's VVC decoder in one thread, which stops at the first error. Use no other way to decode VVC.

    With several threads it has a race condition on pictures one CTU wide and more than one high: it gives wrong samples
    without an error.

    Args:
        options: Further options of the decoder.

    Raises:
        IdseError: This FFmpeg has no VVC decoder.
    """
    try:
        decoder: Any = av.CodecContext.create("vvc", "r")
    except (FFmpegError, ValueError):
        raise IdseError("this PyAV has no VVC decoder: install av 15 or later") from None
    decoder.options = {"err_detect": "explode", **(options or {})}
    one_thread(decoder)
    return decoder


def has_vvc_decoder() -> bool:
    """Whether this PyAV decodes VVC."""
    try:
        vvc_decoder()
    except IdseError:
        return False
    return True


def one_thread(decoder: Any) -> None:
    """Set a codec context to one thread if it is a VVC decoder (see `vvc_decoder`)."""
    if decoder.name == "vvc":
        decoder.thread_count = 1


def to_frame(picture: Any, matrix: Matrix | None, full_range: bool | None, default_full: bool) -> Frame:
    """Convert a picture of PyAV to a frame; formats other than 4:2:0 and grey become 4:2:0 of 8 or 10 bit.

    Args:
        picture: An `av.VideoFrame`.
        matrix: Overrides the picture's matrix; the default is BT.601.
        full_range: Overrides the picture's range.
        default_full: Whether the default is full range.
    """
    if picture.format.name not in _FORMATS:
        deep = any(c.bits > 8 for c in picture.format.components)
        picture = picture.reformat(format="yuv420p10le" if deep else "yuv420p")
    chroma_format, bit_depth = _FORMATS[picture.format.name]
    if matrix is None:
        matrix = "bt709" if picture.colorspace == _BT709 else "bt601"
    if full_range is None:
        said = picture.color_range
        # FFmpeg reports "limited" for VVC, HEVC and AV1 streams without any colour description.
        unsaid = said not in (_FULL_RANGE, _LIMITED_RANGE) or picture.colorspace == _UNSPECIFIED
        full_range = said == _FULL_RANGE or (unsaid and default_full)
        full_range |= picture.format.name.startswith("yuvj")
    dtype = np.dtype(np.uint8 if bit_depth == 8 else "<u2")
    planes = []
    for plane in picture.planes:
        rows = np.frombuffer(plane, dtype).reshape(plane.height, plane.line_size // dtype.itemsize)
        planes.append(rows[:, : plane.width].astype(dtype.newbyteorder("=")))
    return Frame(tuple(planes), bit_depth, chroma_format, matrix, full_range)
