"""Random pictures, weights and settings to test an encoder with; a seed and an index determine each case.

The cases are not typical input. They are meant to reveal faults of an encoder: sizes that are not multiples of block
sizes, content from flat to noise at full contrast, weights that jump by powers of ten, every tool on and off.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from idse.engines import EncodeSettings, FrequencyScope, NativeTools, WeightScope
from idse.importance.weight_map import TILE, WeightMap
from idse.media.frame import ChromaFormat, Frame

Generator = np.random.Generator
Samples = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """The input of one stream, and its description."""

    frames: list[Frame]
    weights: WeightMap | None
    settings: EncodeSettings
    words: str


def _flat(rng: Generator, h: int, w: int) -> Samples:
    return np.full((h, w), rng.random())


def _gradient(rng: Generator, h: int, w: int) -> Samples:
    y, x = np.mgrid[0:h, 0:w]
    a, b = rng.normal(size=2)
    ramp = a * x / w + b * y / h
    return np.asarray((ramp - ramp.min()) / (np.ptp(ramp) + 1e-9))


def _noise(rng: Generator, h: int, w: int) -> Samples:
    return np.asarray(0.5 + rng.uniform(0.02, 0.5) * rng.normal(size=(h, w)))


def _extremes(rng: Generator, h: int, w: int) -> Samples:
    cell = 1 << int(rng.integers(0, 4))
    small = rng.integers(0, 2, (-(-h // cell), -(-w // cell)))
    return np.kron(small, np.ones((cell, cell)))[:h, :w].astype(np.float64)


def _screen(rng: Generator, h: int, w: int) -> Samples:
    """Return rectangles and strokes with few levels, as in text and user interfaces."""
    levels = rng.random(4)
    plane = np.full((h, w), levels[0])
    for _ in range(int(rng.integers(5, 60))):
        y, x = int(rng.integers(0, h)), int(rng.integers(0, w))
        dy, dx = (1, int(rng.integers(2, 12))) if rng.random() < 0.5 else rng.integers(1, 30, 2)
        plane[y : y + int(dy), x : x + int(dx)] = levels[int(rng.integers(0, 4))]
    return plane


def _waves(rng: Generator, h: int, w: int) -> Samples:
    y, x = np.mgrid[0:h, 0:w]
    angle, period = rng.uniform(0, math.pi), rng.uniform(2, 40)
    phase = (x * math.cos(angle) + y * math.sin(angle)) * 2 * math.pi / period
    return np.asarray(0.5 + rng.uniform(0.1, 0.6) * np.sin(phase))


def _natural(rng: Generator, h: int, w: int) -> Samples:
    """Return a picture with a 1/f spectrum, edges and a little noise, which an encoder treats like a photograph."""
    fy, fx = np.fft.fftfreq(h)[:, None], np.fft.rfftfreq(w)[None]
    amplitude = 1 / np.maximum(np.hypot(fy, fx), 1 / max(h, w)) ** rng.uniform(0.8, 1.6)
    field = np.fft.irfft2(amplitude * np.exp(2j * math.pi * rng.random(amplitude.shape)), s=(h, w))
    plane = 0.5 + 0.18 * (field - field.mean()) / (field.std() + 1e-9)
    y, x = np.mgrid[0:h, 0:w]
    for _ in range(int(rng.integers(0, 5))):
        angle, offset = rng.uniform(0, 2 * math.pi), rng.normal(0, 0.3)
        side = (x / w - 0.5) * math.cos(angle) + (y / h - 0.5) * math.sin(angle) > offset
        plane = plane + side * rng.normal(0, 0.2)
    return np.asarray(plane + rng.normal(0, rng.choice([0, 0.005, 0.02]), (h, w)))


CONTENT: dict[str, Callable[[Generator, int, int], Samples]] = {
    "flat": _flat,
    "gradient": _gradient,
    "noise": _noise,
    "extremes": _extremes,
    "screen": _screen,
    "waves": _waves,
    "natural": _natural,
}


def _plane(
    rng: Generator, h: int, w: int, depth: int, photographs: list[Frame], component: int
) -> tuple[str, Samples]:
    kind = str(rng.choice([*CONTENT, "natural", "photo", "mixed"]))
    peak = (1 << depth) - 1
    if kind == "photo" and photographs:
        photograph = photographs[int(rng.integers(0, len(photographs)))]
        source = photograph.planes[min(component, len(photograph.planes) - 1)]
        if source.shape[0] >= h and source.shape[1] >= w:
            y = int(rng.integers(0, source.shape[0] - h + 1))
            x = int(rng.integers(0, source.shape[1] - w + 1))
            return kind, source[y : y + h, x : x + w].astype(np.float64) * (peak / 255)
        kind = "natural"
    if kind == "photo":
        kind = "natural"
    if kind == "mixed":
        plane = np.zeros((h, w))
        for top in range(0, h, 48):
            for left in range(0, w, 48):
                part = plane[top : top + 48, left : left + 48]
                part[:] = CONTENT[str(rng.choice(list(CONTENT)))](rng, *part.shape)
        return kind, plane * peak
    return kind, CONTENT[kind](rng, h, w) * peak


def _frame(
    rng: Generator, width: int, height: int, depth: int, chroma: ChromaFormat, photographs: list[Frame]
) -> tuple[str, Frame]:
    words: list[str] = []
    planes: list[npt.NDArray[np.integer[Any]]] = []
    for i in range(1 if chroma == "400" else 3):
        h, w = (height, width) if i == 0 else (height // 2, width // 2)
        kind, samples = _plane(rng, h, w, depth, photographs, i)
        if i > 0 and rng.random() < 0.5:  # chroma that depends on luma, for the cross-component prediction
            luma = planes[0].astype(np.float64)
            mean = luma.reshape(h, 2, w, 2).mean((1, 3))
            samples, kind = rng.uniform(-1.2, 1.2) * mean + rng.uniform(0, 1 << depth) * 0.5, "linear"
        words.append(kind)
        planes.append(
            np.clip(np.round(samples), 0, (1 << depth) - 1).astype(np.uint8 if depth == 8 else np.uint16)
        )
    return "+".join(words), Frame(tuple(planes), depth, chroma)


def _weights(
    rng: Generator, width: int, height: int, frames: int, chroma: ChromaFormat
) -> tuple[str, WeightMap | None]:
    kind = str(rng.choice(["none", "none", "lognormal", "extreme", "uniform", "spikes", "halves"]))
    if kind == "none":
        return kind, None
    log2_unit = int(rng.choice([0, 1, 2, 3, 3, 3, 4, 5, 6, 7]))
    rows, columns = -(-height >> log2_unit), -(-width >> log2_unit)
    planes = 3 if chroma != "400" and rng.random() < 0.5 else 1
    shape = (frames, planes, rows, columns)
    if kind == "lognormal":
        w = np.exp(rng.normal(0, rng.choice([0.3, 1, 3]), shape))
    elif kind == "extreme":
        w = 10.0 ** rng.integers(-6, 7, shape)
        w[rng.random(shape) < 0.1] = 0
    elif kind == "uniform":
        w = np.full(shape, 10.0 ** rng.uniform(-3, 3))
    elif kind == "spikes":
        w = np.where(rng.random(shape) < 0.05, 1e4, 1e-3)
    else:
        w = np.where(np.arange(columns) < columns // 2, 30.0, 0.1) * np.ones(shape)
    w[:, 1:] *= 2.0 ** rng.uniform(-4, 4)
    w[:, 0, 0, 0] = np.maximum(w[:, 0, 0, 0], 1e-3)
    tiles, words = None, f"{kind} 2^{log2_unit} x{planes}"
    if rng.random() < 0.25:
        rank = int(rng.choice([1, 2, 4, 8]))
        scale = np.exp(rng.normal(0, rng.choice([0, 1, 2]), (frames, -(-height // 8), -(-width // 8), 1, 1)))
        tiles = (scale * rng.normal(size=(*scale.shape[:3], rank, 64))).astype(np.float32)
        inside = np.zeros((scale.shape[1] * 8, scale.shape[2] * 8), dtype=bool)
        inside[:height, :width] = True
        tiled = (
            inside.reshape(scale.shape[1], 8, scale.shape[2], 8)
            .swapaxes(1, 2)
            .reshape(1, *scale.shape[1:3], 1, 64)
        )
        tiles *= tiled
        words += f" tiles {rank}"
    return words, WeightMap(width, height, log2_unit, w.astype(np.float32), tiles)


def _settings(rng: Generator) -> EncodeSettings:
    def flag(share: float) -> bool:
        return bool(rng.random() < share)

    scopes = [WeightScope.ALL] * 4 + [WeightScope(i) for i in range(1, 7)]
    settings = EncodeSettings(
        qp=int(rng.integers(0, 64)) if flag(0.6) else int(rng.integers(18, 48)),
        preset=int(rng.choice([0, 1, 2, 2, 3, 4])),
        threads=int(rng.choice([1, 1, 2, 3, 4])),
        ctu_size=int(rng.choice([64, 128])),
        dual_tree=flag(0.6),
        cclm=flag(0.7),
        dependent_quant=flag(0.6),
        transform_skip=flag(0.6),
        deblocking=flag(0.7),
        wpp=flag(0.3),
        md5_sei=flag(0.8),
        cb_qp_offset=int(rng.integers(-12, 13)) if flag(0.3) else 0,
        cr_qp_offset=int(rng.integers(-12, 13)) if flag(0.3) else 0,
        weight_scope=scopes[int(rng.integers(0, len(scopes)))],
        tau=float(rng.choice([0.0, 0.2, 0.2, 1.0, math.inf])),
        exponent=float(rng.choice([0.0, 0.5, 0.5, 1.0, 2.0])),
        clip_qp=float(rng.choice([0.0, 3.0, 6.0, 6.0, 12.0])),
    )
    if flag(0.03):
        settings = settings.changed(target_bytes=int(rng.integers(60, 4000)))
    drawn = {"ctu_size", "dual_tree", "cclm", "dependent_quant", "transform_skip", "deblocking", "wpp"}
    later = [tool for tool in dataclasses.fields(NativeTools) if tool.name not in drawn]
    apart = rng.spawn(1)[0]  # a separate generator, so that everything else in a case stays the same
    return settings.changed(**{tool.name: _one_of(apart, tool.metadata["choices"]) for tool in later})


def _frequencies(
    rng: Generator, settings: EncodeSettings, weights: WeightMap | None
) -> tuple[EncodeSettings, WeightMap | None, str]:
    """Add random frequency profiles to most maps, and draw the settings that belong to them."""
    settings = settings.changed(
        gamma=float(rng.choice([0.0, 0.5, 0.5, 1.0, 2.0])),
        profile_floor=float(rng.choice([1 / 4096, 1 / 256, 0.1])),
        frequency_scope=FrequencyScope(int(rng.choice([0, 1, 2, 3, 3, 3, 3]))),
        scaling_lists=str(rng.choice(["auto", "on", "on", "off"])),
    )
    if weights is None or rng.random() < 0.25:
        return settings, weights, ""
    planes = 3 if weights.has_chroma or rng.random() < 0.5 else 1
    steps = np.arange(TILE)[:, None] + np.arange(TILE)
    tables = np.exp(
        rng.normal(0, rng.choice([0, 0.3, 1, 3]), (weights.frames, planes, TILE, TILE))
        - rng.choice([0, 0.1, 0.3, 0.6]) * steps
    )
    tables[rng.random(tables.shape) < rng.choice([0, 0, 0.2])] = 0
    tables[:, :, 0, 0] = 1
    for frame in range(1, weights.frames):
        if rng.random() < 0.4:  # the scaling lists of the frame before serve again
            tables[frame] = tables[frame - 1]
    made = dataclasses.replace(weights, profiles=tables.astype(np.float32))
    return settings, made, f" profile x{planes}"


def _one_of(rng: Generator, choices: Sequence[int | bool]) -> int | bool:
    return choices[int(rng.integers(len(choices)))]


def _side(rng: Generator, largest: int, even: bool) -> int:
    """Return a side of 8..`largest`; small sides and sides next to a multiple of 64 are more frequent."""
    kind = rng.random()
    if kind < 0.35:
        side = int(rng.integers(8, min(73, largest + 1)))
    elif kind < 0.5:
        side = (
            int(rng.integers(1, largest // 64 + 1)) * 64 + int(rng.integers(-8, 9)) if largest >= 72 else 64
        )
    else:
        side = int(rng.integers(8, largest + 1))
    side = min(max(side, 8), largest)
    return side // 2 * 2 if even else side


def make_case(
    seed: int,
    index: int,
    photographs: list[Frame] | None = None,
    largest: int = 256,
    size: tuple[int, int] | None = None,
) -> Case:
    """Return case `index` of a seed; crops are taken from `photographs` (8-bit frames), and `size` fixes the size."""
    rng = np.random.default_rng([seed, index])
    chroma: ChromaFormat = "400" if rng.random() < 0.25 else "420"
    width, height = (_side(rng, largest, even=chroma == "420") for _ in range(2))
    if size is not None:
        width, height = size
    depth = int(rng.choice([8, 10]))
    count = int(rng.choice([1, 1, 1, 1, 2, 3])) if size is None else 1
    settings = _settings(rng)
    weight_words, weights = _weights(rng, width, height, count, chroma)
    apart = np.random.default_rng([seed, index, 2])  # so that everything else in a case stays the same
    settings, weights, profile_words = _frequencies(apart, settings, weights)
    weight_words += profile_words
    made = [_frame(rng, width, height, depth, chroma, photographs or []) for _ in range(count)]
    changed = [
        f"{f.name}={getattr(settings, f.name)}"
        for f in dataclasses.fields(settings)
        if getattr(settings, f.name) != f.default
    ]
    words = (
        f"{width}x{height} {chroma} {depth} bit, {count} frame(s) of {', '.join(kind for kind, _ in made)}; "
        f"weights {weight_words}; {' '.join(changed)}"
    )
    return Case([frame for _, frame in made], weights, settings, words)


def make_narrow_case(seed: int, index: int, photographs: list[Frame] | None = None) -> Case:
    """Return case `index` of a seed: one picture that is one CTU wide, and more than one and up to 4 CTUs high.

    Half of the cases are exactly one CTU (64 or 128 samples) wide, the others less; sides are even.
    """
    rng = np.random.default_rng([seed, index, 1])
    ctu = int(rng.choice([64, 128]))
    width = ctu if rng.random() < 0.5 else int(rng.integers(4, ctu // 2)) * 2
    rows = int(rng.integers(2, 5))
    height = (
        rows * ctu if rng.random() < 0.5 else ((rows - 1) * ctu // 2 + int(rng.integers(1, ctu // 2))) * 2
    )
    case = make_case(seed, index, photographs, size=(width, height))
    settings = case.settings.changed(ctu_size=ctu)
    return dataclasses.replace(case, settings=settings, words=f"{case.words}; in CTUs of {ctu}")
