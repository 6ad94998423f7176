"""An engine for idse: samples without their lowest bits, compressed by zlib."""

from __future__ import annotations

import json
import math
import time
import zlib
from collections.abc import Sequence

import numpy as np

from idse.engines.base import EncodedStream, Engine, FrameStats, Progress, check_frames
from idse.engines.psnr import frame_psnr
from idse.engines.settings import EncodeSettings
from idse.errors import IdseError
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame

_FIELDS = ("bit_depth", "chroma_format", "matrix", "full_range")


class DeflateEngine(Engine):
    """The QP is the number of lowest bits that are dropped.

    Args:
        level: Compression level of zlib, 0..9.
    """

    name = "deflate"
    version = "1.0"
    stream_format = "deflate"  # FFmpeg knows no such format: the engine brings `decode`, files are called *.deflate
    qp_range = (0, 7)

    def __init__(self, *, level: int = 6) -> None:
        if level not in range(10):
            raise IdseError(f"level {level}: must be 0..9")
        self.level = level

    def encode(
        self,
        frames: Sequence[Frame],
        weights: WeightMap | None,
        settings: EncodeSettings,
        progress: Progress | None = None,
    ) -> EncodedStream:
        """Code frames of one size; see `Engine.encode`."""
        check_frames(frames)
        self.check(settings, weighted=weights is not None)
        began, qp = time.perf_counter(), settings.target.qp
        coded, recon, stats = [], [], []
        for frame in frames:
            about = {name: getattr(frame, name) for name in _FIELDS}
            decoded = Frame(tuple(plane >> qp << qp for plane in frame.planes), **about)
            samples = zlib.compress(b"".join(p.astype("<u2").tobytes() for p in decoded.planes), self.level)
            head = {"frame": about, "shapes": [p.shape for p in decoded.planes], "size": len(samples)}
            coded.append(json.dumps(head).encode() + b"\n" + samples)
            recon.append(decoded)
            stats.append(FrameStats(len(coded[-1]), qp, frame_psnr(frame, decoded)))
            if progress is not None:
                progress(len(coded) / len(frames))
        return EncodedStream(
            data=b"".join(coded),
            recon=recon,
            frames=stats,
            seconds=time.perf_counter() - began,
            provenance=self.provenance(settings, level=self.level),
        )

    def decode(self, data: bytes, like: Frame | None = None, *, name: str = "stream") -> list[Frame]:
        """Return the frames of a stream; see `Engine.decode`."""
        frames = []
        try:
            while data:
                line, _, data = data.partition(b"\n")
                head = json.loads(line)
                samples, data = zlib.decompress(data[: head["size"]]), data[head["size"] :]
                values = np.frombuffer(samples, "<u2").astype(
                    np.uint8 if head["frame"]["bit_depth"] == 8 else np.uint16
                )
                ends = np.cumsum([math.prod(shape) for shape in head["shapes"]])
                planes = np.split(values, ends[:-1])
                shaped = (plane.reshape(shape) for plane, shape in zip(planes, head["shapes"], strict=True))
                frames.append(Frame(tuple(shaped), **head["frame"]))
        except (ValueError, KeyError, TypeError, zlib.error) as error:
            raise IdseError(f"{name}: not a deflate stream, or a damaged one ({error})") from None
        return frames
