"""`Frame`: the planes of one picture, and its conversion from and to RGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from idse.errors import IdseError

ChromaFormat = Literal["400", "420"]
Matrix = Literal["bt601", "bt709"]

# Per matrix: the weights of R, G, B in Y, and the divisors 2 (1 - Kb), 2 (1 - Kr) of the colour differences.
_MATRICES: dict[str, tuple[float, float, float, float, float]] = {
    "bt601": (0.299, 0.587, 0.114, 1.772, 1.402),
    "bt709": (0.2126, 0.7152, 0.0722, 1.8556, 1.5748),
}
_STRIP = 512  # rows converted at a time (even): bounds the memory that float64 takes


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture: `[Y]` or `[Y, Cb, Cr]`.

    Attributes:
        planes: Arrays `[height, width]`; chroma of 4:2:0 is half of it in both directions, rounded up. uint8 when
            `bit_depth` is 8, else uint16.
        bit_depth: 8..16.
        chroma_format: "400" or "420". Chroma samples lie in the middle of their four luma samples.
        matrix: The YCbCr matrix, "bt601" or "bt709".
        full_range: Luma 0..max, as in JPEG, instead of 16..235 (at 8 bit).

    Raises:
        IdseError: The planes do not match the other fields.
    """

    planes: tuple[NDArray[Any], ...]
    bit_depth: int = 8
    chroma_format: ChromaFormat = "420"
    matrix: Matrix = "bt601"
    full_range: bool = True

    def __post_init__(self) -> None:
        if not 8 <= self.bit_depth <= 16:
            raise IdseError(f"bit depth {self.bit_depth}: must be 8..16")
        if self.chroma_format not in ("400", "420"):
            raise IdseError(f"chroma format {self.chroma_format}: must be 400 or 420")
        if self.matrix not in _MATRICES:
            raise IdseError(f"matrix {self.matrix}: must be one of {', '.join(_MATRICES)}")
        shapes = plane_shapes(self.width, self.height, self.chroma_format)
        if [p.shape for p in self.planes] != shapes:
            got = ", ".join("x".join(map(str, p.shape[::-1])) for p in self.planes)
            raise IdseError(f"planes of {got} are not a {self.chroma_format} picture")
        dtype = np.uint8 if self.bit_depth == 8 else np.uint16
        if any(p.dtype != dtype for p in self.planes):
            raise IdseError(f"{self.bit_depth}-bit planes must be {np.dtype(dtype).name}")

    @property
    def width(self) -> int:
        """Luma samples per row."""
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        """Luma rows."""
        return int(self.planes[0].shape[0])

    @classmethod
    def from_rgb(
        cls,
        rgb: NDArray[np.uint8],
        *,
        bit_depth: int = 8,
        chroma_format: ChromaFormat = "420",
        matrix: Matrix = "bt601",
        full_range: bool = True,
    ) -> Frame:
        """Convert a picture `[height, width, 3]` of uint8.

        Chroma is the mean over 2x2, rounding is half up (the conversion behind `shared/reference/peers.json`); the last
        column or row of an odd size is repeated for its chroma.
        """
        height, width = rgb.shape[:2]
        planes = tuple(
            np.empty(shape, np.uint8 if bit_depth == 8 else np.uint16)
            for shape in plane_shapes(width, height, chroma_format)
        )
        kr, kg, kb, db, dr = _MATRICES[matrix]
        luma_scale, luma_zero, chroma_scale, centre = _levels(bit_depth, full_range)
        peak = (1 << bit_depth) - 1
        for top in range(0, height, _STRIP):
            r, g, b = np.moveaxis(rgb[top : top + _STRIP].astype(np.float64), 2, 0)
            y = kr * r + kg * g + kb * b
            planes[0][top : top + _STRIP] = _round(y * luma_scale + luma_zero, peak)
            if chroma_format == "400":
                continue
            for plane, difference in zip(planes[1:], ((b - y) / db, (r - y) / dr), strict=True):
                c = difference * chroma_scale + centre
                c = np.pad(c, ((0, c.shape[0] % 2), (0, width % 2)), mode="edge")
                c = c.reshape(c.shape[0] // 2, 2, c.shape[1] // 2, 2).mean((1, 3))
                plane[top // 2 : top // 2 + c.shape[0]] = _round(c, peak)
        return cls(planes, bit_depth, chroma_format, matrix, full_range)

    def to_rgb(self, *, as_float: bool = False) -> NDArray[Any]:
        """Convert to `[height, width, 3]`: uint8, or float32 in 0..1 (not rounded, clipped).

        Chroma is interpolated bilinearly between the centres of its 2x2 luma samples. White is the largest value of the
        bit depth; for decoded pictures see `decoded_rgb`.
        """
        rgb = np.empty((self.height, self.width, 3), np.float32 if as_float else np.uint8)
        kr, kg, kb, db, dr = _MATRICES[self.matrix]
        luma_scale, luma_zero, chroma_scale, centre = _levels(self.bit_depth, self.full_range)
        for top in range(0, self.height, _STRIP):
            rows = slice(top, min(top + _STRIP, self.height))
            y = (self.planes[0][rows].astype(np.float64) - luma_zero) / luma_scale
            if self.chroma_format == "400":
                r = g = b = y
            else:
                cb, cr = (
                    (_upsample(plane, self.width, rows) - centre) / chroma_scale for plane in self.planes[1:]
                )
                r, b = y + dr * cr, y + db * cb
                g = (y - kr * r - kb * b) / kg
            for i, channel in enumerate((r, g, b)):
                if as_float:
                    rgb[rows, :, i] = np.clip(channel / 255.0, 0, 1)
                else:
                    rgb[rows, :, i] = _round(channel, 255)
        return rgb

    def with_bit_depth(self, bit_depth: int) -> Frame:
        """The same picture at another bit depth: samples are shifted, and rounded if bits are lost."""
        if bit_depth == self.bit_depth:
            return self
        dtype: Any = np.uint8 if bit_depth == 8 else np.uint16
        shift = bit_depth - self.bit_depth
        if shift > 0:
            planes = [p.astype(dtype) << shift for p in self.planes]
        else:
            half, peak = 1 << (-shift - 1), (1 << bit_depth) - 1
            planes = [
                np.minimum((p.astype(np.uint32) + half) >> -shift, peak).astype(dtype) for p in self.planes
            ]
        return Frame(tuple(planes), bit_depth, self.chroma_format, self.matrix, self.full_range)


def decoded_rgb(frame: Frame, source_depth: int = 8, *, as_float: bool = False) -> NDArray[Any]:
    """RGB `[height, width, 3]` of a reconstruction; inverts the encoders' conversion from `source_depth` bits.

    Encoders shift the source's samples up, so 8-bit white is 1020 in 10 bit, but 1023 in a full-range 10-bit picture.
    Without correction a decoded picture would be 0.3 % darker than its source.

    Args:
        frame: The reconstruction, of at least `source_depth` bits.
        source_depth: Bit depth of the source.
        as_float: Return float32 in 0..1, not rounded to the source's depth, instead of uint8 rounded to it.
    """
    if not as_float:
        return frame.with_bit_depth(min(source_depth, frame.bit_depth)).to_rgb()
    rgb = frame.to_rgb(as_float=True)
    if not frame.full_range or source_depth >= frame.bit_depth:
        return rgb
    top = (1 << frame.bit_depth) - 1
    shifted_top = ((1 << source_depth) - 1) << (frame.bit_depth - source_depth)
    # The conversion is linear around the chroma centre, and the shift keeps the centre: a factor inverts it.
    return np.asarray(np.minimum(rgb * np.float32(top / shifted_top), 1), dtype=np.float32)


def probe_frame(width: int, height: int) -> Frame:
    """A synthetic test picture (waves in three colours, 8-bit 4:2:0) with the same samples on every machine.

    A hash of an encoder's or an estimator's output for this frame identifies its build.
    """
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([128 + 90 * np.sin(x / (3 + k)) * np.cos(y / 5 + k) for k in range(3)], axis=2)
    return Frame.from_rgb(rgb.astype(np.uint8))


def plane_shapes(width: int, height: int, chroma_format: str) -> list[tuple[int, int]]:
    """`(rows, columns)` of every plane."""
    chroma = ((height + 1) // 2, (width + 1) // 2)
    return [(height, width)] + ([chroma, chroma] if chroma_format == "420" else [])


def _levels(bit_depth: int, full_range: bool) -> tuple[float, float, float, float]:
    """Scale and zero of luma, scale and centre of chroma, for components in 0..255."""
    centre = float(1 << (bit_depth - 1))
    if full_range:
        scale = ((1 << bit_depth) - 1) / 255.0
        return scale, 0.0, scale, centre
    unit = float(1 << (bit_depth - 8))
    return 219 * unit / 255, 16 * unit, 224 * unit / 255, centre


def _round(values: NDArray[np.float64], peak: int) -> NDArray[np.float64]:
    return np.clip(np.floor(values + 0.5), 0, peak)


def _upsample(plane: NDArray[Any], width: int, rows: slice) -> NDArray[np.float64]:
    """Luma rows `rows` of a chroma plane, bilinear with centred siting (weights 3/4 and 1/4)."""

    def neighbours(start: int, stop: int, size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        at = np.arange(start, stop)
        return at // 2, np.clip(at // 2 + np.where(at % 2, 1, -1), 0, size - 1)

    near, far = neighbours(rows.start, rows.stop, plane.shape[0])
    tall = 0.75 * plane[near] + 0.25 * plane[far]
    near, far = neighbours(0, width, plane.shape[1])
    return np.asarray(0.75 * tall[:, near] + 0.25 * tall[:, far])
