"""A stand-in for an encoder: 8x8 DCT, a step per block from QP and weight, bytes by a formula."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.fft import dctn, idctn

from idse.engines.base import EncodedStream, EncodeSettings, FrameStats
from idse.media.frame import Frame


class StandIn:
    name = "stand-in"
    version = "1"

    def encode(
        self, frames: Sequence[Frame], weights, settings: EncodeSettings, progress=None
    ) -> EncodedStream:
        frame = frames[0]
        planes, bits = [], 0.0
        for i, plane in enumerate(frame.planes):
            qp = settings.qp + (0, settings.cb_qp_offset, settings.cr_qp_offset)[i]
            step = 4 * 2 ** ((qp - 4) / 6)
            source = plane.astype(np.float64) * 4
            rows, columns = (-(-side // 8) for side in source.shape)
            padded = np.pad(
                source, ((0, rows * 8 - source.shape[0]), (0, columns * 8 - source.shape[1])), mode="edge"
            )
            blocks = padded.reshape(rows, 8, columns, 8).swapaxes(1, 2)
            steps = np.full((rows, columns), step)
            if weights is not None:
                w = weights.planes[0, 0] if i == 0 else weights.planes[0, 0][::2, ::2]
                w = w / w.mean() + settings.tau
                w = (w / np.exp(np.log(w).mean())) ** settings.exponent
                steps = steps * np.clip(w, 0.25, 4)[:rows, :columns] ** -0.5
            levels = np.round(dctn(blocks - 512, axes=(2, 3), norm="ortho") / steps[..., None, None])
            bits += float(np.log2(1 + np.abs(levels)).sum() * 2 + np.count_nonzero(levels))
            decoded = idctn(levels * steps[..., None, None], axes=(2, 3), norm="ortho") + 512
            decoded = decoded.swapaxes(1, 2).reshape(rows * 8, columns * 8)
            decoded = decoded[: source.shape[0], : source.shape[1]]
            planes.append(np.clip(np.round(decoded), 0, 1023).astype(np.uint16))
        recon = Frame(tuple(planes), 10, frame.chroma_format, frame.matrix, frame.full_range)
        data = bytes(int(bits / 8) + 1)
        stats = FrameStats(len(data), settings.qp, (0.0,) * len(planes))
        return EncodedStream(data, [recon], [stats], 0.0)
