"""Coding pictures with a trained codec, and decoding them: padding, latents, strings, and decoded samples.

Everything runs on the CPU in one thread (`deterministic`), one picture at a time. So encoder and decoder compute
exactly the same probabilities and samples in any process on one machine. Other processors may sum in another order; if
a stream contains checksums, the decoder detects a picture that differs.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from idse.errors import IdseError
from idse.learned.coding.codec_file import TrainedCodec
from idse.learned.coding.stream import Header, check_size, pack, unpack
from idse.learned.models import LatentCodec, Salience
from idse.learned.models import pad as pad_picture
from idse.media.frame import Frame, plane_shapes

DEPTH = 8
"""Bit depth of the decoded samples for any source, because the networks are trained with 8-bit pictures."""
MOST_BYTES = 4 << 30
"""Limit of a stream's decoded samples, as for every file that is read."""

_LOCK = threading.RLock()
"""The settings are those of the process: two blocks at once would restore each other's."""


@dataclass(frozen=True)
class FrameResult:
    """One coded picture.

    Attributes:
        strings: Output of the entropy coder.
        recon: The decoded picture: 8 bit, with the source's chroma format, matrix and range.
        estimated_bits: Ideal code length of the strings, from the likelihoods of the coded symbols.
        seconds: Wall time of encoding, without the reconstruction.
        cpu_seconds: CPU time of encoding, without the reconstruction.
    """

    strings: list[bytes]
    recon: Frame
    estimated_bits: float
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class CodedPictures:
    """A stream and the results of its pictures."""

    data: bytes
    frames: list[FrameResult]


def encode_frames(
    codec: TrainedCodec,
    point: int,
    frames: Sequence[Frame],
    *,
    checksums: bool = False,
    progress: Callable[[float], None] | None = None,
) -> CodedPictures:
    """Code pictures of one size and format.

    Args:
        codec: The codec.
        point: Point of its curve; point 0 has the most bits.
        frames: At least one picture.
        checksums: Write a CRC-32 of each decoded picture into the stream (4 bytes per frame).
        progress: Called after each picture with the fraction that is done.

    Raises:
        IdseError: The codec has no such point, or the pictures are too large.
    """
    first = frames[0]
    check_size(first.width, first.height, len(frames))
    model, salience = codec.model(point), codec.salience()
    results = []
    for i, frame in enumerate(frames):
        results.append(encode_frame(model, salience, frame))
        if progress is not None:
            progress((i + 1) / len(frames))
    header = Header(
        width=first.width,
        height=first.height,
        frames=len(frames),
        bit_depth=DEPTH,
        chroma_format=first.chroma_format,
        matrix=first.matrix,
        full_range=first.full_range,
        decoder_id=codec.points[point].decoder_id,
        checksums=tuple(samples_crc(r.recon) for r in results) if checksums else (),
    )
    return CodedPictures(pack(header, [r.strings for r in results]), results)


def encode_frame(model: LatentCodec, salience: Salience | None, frame: Frame) -> FrameResult:
    """Code one picture.

    Args:
        model: The network with its tables, on the CPU, in evaluation mode.
        salience: The backbone of its mask network, if it has one.
        frame: A picture of any bit depth and size.
    """
    with deterministic():
        began, cpu = time.perf_counter(), time.process_time()
        rgb = _to_tensor(frame)
        alpha = None
        if model.mask is not None and salience is not None:
            alpha = model.mask(salience(rgb, model.latent_stride, model.stride))
        coded = model.compress(pad_picture(rgb, model.stride), alpha)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        recon = _to_frame(model.synthesize(coded.y_hat), frame)
    return FrameResult(coded.strings, recon, coded.estimated_bits, seconds, cpu_seconds)


def decode_stream(data: bytes, codec: TrainedCodec, name: str = "stream") -> list[Frame]:
    """Decode a stream.

    Args:
        data: The whole stream.
        codec: The codec that made it.
        name: Name of the stream for messages.

    Raises:
        IdseError: Not a stream of a learned codec, a damaged one, or one of another codec; or the checksums show that
            this machine computes other samples than the encoder.
    """
    header, payloads = unpack(data, name)
    shapes = plane_shapes(header.width, header.height, header.chroma_format)
    if header.frames * sum(h * w for h, w in shapes) > MOST_BYTES:
        raise IdseError(
            f"{name}: {header.frames} frames of {header.width}x{header.height}: more than {MOST_BYTES >> 30} GiB of "
            "samples at once: encode fewer frames per stream"
        )
    model = codec.model(codec.find(header.decoder_id, name))
    rows, cols = (-(-side // model.stride) * model.stride for side in (header.height, header.width))
    like = _empty(header)
    frames = []
    for number, strings in enumerate(payloads):
        with deterministic():
            try:
                latents = model.decompress(_guarded(strings, model, rows, cols), (rows, cols))
                frame = _to_frame(model.synthesize(latents), like)
            except (RuntimeError, ValueError, IndexError) as error:
                raise IdseError(f"{name}: frame {number} cannot be decoded ({_line(error)})") from None
        if header.checksums and header.checksums[number] != samples_crc(frame):
            raise IdseError(
                f"{name}: frame {number} decodes to other samples than in the encoder: "
                "decode it on a machine like the one that encoded it"
            )
        frames.append(frame)
    return frames


@contextmanager
def deterministic() -> Iterator[None]:
    """Run a block in one torch thread, without gradients, with deterministic algorithms; one block at a time.

    An entropy decoder must compute exactly the probabilities that the encoder had: after one bit that differs it
    decodes only noise. Sums differ with the number of threads, so there is one, whatever OMP_NUM_THREADS says.
    """
    with _LOCK:
        threads = torch.get_num_threads()
        was_deterministic = torch.are_deterministic_algorithms_enabled()
        warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        try:
            with torch.inference_mode():
                yield
        finally:
            torch.use_deterministic_algorithms(was_deterministic, warn_only=warn_only)
            torch.set_num_threads(threads)


def samples_crc(frame: Frame) -> int:
    """CRC-32 over the planes' samples, row by row."""
    crc = 0
    for plane in frame.planes:
        crc = zlib.crc32(np.ascontiguousarray(plane).tobytes(), crc)
    return crc


def _to_tensor(frame: Frame) -> Tensor:
    """`[1, 3, H, W]`, float32, RGB in 0..1."""
    rgb = np.asarray(frame.to_rgb(as_float=True), dtype=np.float32)
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None]


def _to_frame(x_hat: Tensor, like: Frame) -> Frame:
    """A picture of decoded `[1, 3, rows, columns]`: its top left corner, rounded half up to 8 bit."""
    inside = torch.nan_to_num(x_hat[0, :, : like.height, : like.width]).clamp(0, 1)
    rgb = (inside * 255 + 0.5).floor().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return Frame.from_rgb(
        rgb,
        bit_depth=DEPTH,
        chroma_format=like.chroma_format,
        matrix=like.matrix,
        full_range=like.full_range,
    )


def _empty(header: Header) -> Frame:
    """A picture with the header's format."""
    shapes = plane_shapes(header.width, header.height, header.chroma_format)
    planes = tuple(np.broadcast_to(np.uint8(0), shape) for shape in shapes)
    return Frame(planes, DEPTH, header.chroma_format, header.matrix, header.full_range)


def _guarded(strings: list[bytes], model: LatentCodec, rows: int, cols: int) -> list[bytes]:
    """The strings with zeros after them.

    The entropy decoder reads on without looking where its string ends. With the probabilities that the encoder had it
    ends where the string does; on a machine that computes others it may want more: a word a symbol, and 15 times the
    string for lengths of outliers that are none.
    """
    symbols = model.settings.latent * rows * cols // model.latent_stride**2
    symbols += model.settings.channels * rows * cols // model.stride**2
    return [string + bytes(8 * symbols + 16 * len(string)) for string in strings]


def _line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
