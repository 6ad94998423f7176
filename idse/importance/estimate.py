"""Estimators of weight maps: `estimate_map` uses a detector's sketched Jacobian, `activity_map` uses no network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from idse.errors import IdseError
from idse.importance.blocks import block_mean, chroma_to_grid, split_tiles
from idse.importance.decoded import DecodedFrames
from idse.importance.detection_metric import METRICS
from idse.importance.profile import at_size
from idse.importance.settings import LEVEL_NORMS, SKETCHES
from idse.importance.targets import target_function
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame

if TYPE_CHECKING:
    import torch

    from idse.features.base import FeatureExtractor
    from idse.importance.frequency import TileSpectra

Progress = Callable[[float], None]
ACTIVITY_FLOOR = 4.0
"""Added to the mean gradient (in 8-bit units) in `activity_map`; it bounds the weight of flat blocks."""
_STRIP_ROWS = 512


class NothingToPreserve(IdseError):
    """A picture whose detections no small change moves: all scores are 0 to the last bit."""


def estimate_map(
    frames: Sequence[Frame],
    *,
    extractor: FeatureExtractor,
    proj_dim: int = 4,
    sketch: str = "rademacher",
    seed: int = 0,
    rounds: int = 1,
    noise_sigma: float = 0.0,
    log2_unit: int = 3,
    tiles: bool = False,
    level_norm: str = "none",
    clip_percentile: float = 99.5,
    target: str = "features",
    metric: str = "default",
    at: Sequence[Frame] | None = None,
    profile: bool = True,
    progress: Progress | None = None,
) -> WeightMap:
    """Estimate how much errors in the coded samples change a detector's features or detections.

    The importance of sample j of a coded plane is `sum_i (d f_i / d x_j)^2` over all elements of all tensors of the
    target, sketched with `proj_dim` rows (see `sketch.py`); x is in 8-bit units, f is as the extractor gives it. A
    cell's weight is the mean over its samples, not the sum: luma and chroma planes both hold the sensitivity of a
    single sample, so they can be compared. Cells above the plane's percentile `clip_percentile` are clipped to it.

    Args:
        frames: Pictures of one size and chroma format.
        extractor: See `idse.features`.
        proj_dim: Rows l of the sketch, 1..1024. Four are enough for scalar weights.
        sketch: "rademacher", "achlioptas" or "gaussian".
        seed: Decides the sketch and the noise. Every frame gets the same sketch, so its map does not depend on the
            other frames. The same seed gives the same map on the same machine and device.
        rounds: The estimate is averaged over this many independent sketches, >= 1.
        noise_sigma: Standard deviation of Gaussian noise added to the samples in every round, in 8-bit units. About
            3, with several rounds, smooths the map.
        log2_unit: Cells of `2**log2_unit` luma samples, 0..7.
        tiles: Also keep the factor F of each 8x8 luma tile, with `rounds * proj_dim` rows (`WeightMap.tiles`).
        level_norm: How feature levels add up: "none" (sum of squares), "mean" or "energy"; see `sketch.level_scales`.
        clip_percentile: Above 0, at most 100; 100 clips nothing.
        target: "features" or "detections"; see `targets.target_function`.
        metric: Name of the metric of detections; see `detection_metric.METRICS`.
        at: Where the derivatives are taken: the decoded pictures of a first encode; by default `frames`. META names
            their QPs if they are `DecodedFrames`.
        profile: Also estimate, from the same rows, how the importance depends on frequency (`WeightMap.profiles`). A
            network that stands in for detectors has their mean profile instead, if its weights have one.
        progress: Called with the share done, 0..1.

    Returns:
        Raw weights: one plane for 4:0:0, three for 4:2:0.

    Raises:
        NothingToPreserve: No change of a picture moves its detections.
        IdseError: An argument out of its range, pictures that differ in size, a detector without gradients.
    """
    _check_frames(frames)
    _need(1 <= proj_dim <= 1024, f"proj dim {proj_dim}: must be 1..1024")
    _need(1 <= rounds <= 1024, f"rounds {rounds}: must be 1..1024")
    _need(0 <= noise_sigma < float("inf"), f"noise sigma {noise_sigma}: must be 0 or more")
    _need(0 <= log2_unit <= 7, f"log2 unit {log2_unit}: must be 0..7")
    _need(0 < clip_percentile <= 100, f"clip percentile {clip_percentile}: must be above 0, at most 100")
    _need(-(2**63) <= seed < 2**64, f"seed {seed}: must fit 64 bits")
    _need(sketch in SKETCHES, f"sketch '{sketch}': must be one of {', '.join(SKETCHES)}")
    _need(level_norm in LEVEL_NORMS, f"level norm '{level_norm}': must be one of {', '.join(LEVEL_NORMS)}")

    from idse.features.base import TargetPredictor
    from idse.importance.frequency import TileSpectra
    from idse.importance.sketch import one_thread

    total, planes, factors = len(frames) * rounds * proj_dim, [], []
    measured = profile and not isinstance(extractor, TargetPredictor)
    tables: list[NDArray[np.float32]] = []
    with one_thread():
        for index, (frame, place) in enumerate(zip(frames, frames if at is None else at, strict=True)):
            done = index * rounds * proj_dim

            def tick(rows: int, done: int = done) -> None:
                if progress is not None:
                    progress((done + rows) / total)

            function = _plane_function(frame, extractor, target, metric)
            spectra = TileSpectra([p.shape for p in place.planes], extractor.device) if measured else None
            diagonal, rows = _sketch_frame(
                place, function, extractor, proj_dim, sketch, seed, rounds, noise_sigma, level_norm, tiles,
                spectra, tick,
            )  # fmt: skip
            if target == "detections" and not diagonal[0].any():
                raise NothingToPreserve(
                    f"no change of the picture moves a box or score of {extractor.name}; "
                    "choose --target both or features"
                )
            _need(
                bool(diagonal[0].any()),
                f"no gradient flows from the outputs of {extractor.name} to the picture; "
                "use another detector or other nodes",
            )
            planes.append(_clip(_to_grid(diagonal, frame, log2_unit), clip_percentile))
            if tiles:
                factors.append(_clip_tiles(rows, diagonal[0], clip_percentile))
            if spectra is not None:
                tables.append(spectra.profiles())
    meta: dict[str, Any] = {
        "estimator": "jacobian",
        "extractor": extractor.description,
        "extractor_name": extractor.name,
        "proj_dim": proj_dim,
        "sketch": sketch,
        "seed": seed,
        "rounds": rounds,
        "noise_sigma": noise_sigma,
        "level_norm": level_norm,
        "target": target,
        "at": "source" if at is None else "decoded",
        "clip_percentile": clip_percentile,
        "device": str(extractor.device),
    }
    if target == "detections":
        meta["metric"] = metric
    if isinstance(at, DecodedFrames):
        meta["at_qps"] = sorted(set(at.qps))
    first = frames[0]
    profiles = np.stack(tables) if tables else None
    if profile and isinstance(extractor, TargetPredictor) and target in extractor.profiles:
        mean = at_size(extractor.profiles[target], max(first.width, first.height))
        profiles = np.repeat(mean[None, : planes[0].shape[0]], len(frames), 0)
        sha256 = extractor.description.get("weights_sha256")
        meta["profile"] = {"kind": "embedded", "target": target, "sha256": sha256}
    elif profiles is not None:
        meta["profile"] = {"kind": "own"}
    return WeightMap(
        first.width, first.height, log2_unit, np.stack(planes), np.stack(factors) if tiles else None, meta, profiles
    )


def activity_map(frames: Sequence[Frame], log2_unit: int = 3) -> WeightMap:
    """A map without a network, as a control: `w = 1 / (gradient + 4)`; it has no chroma planes.

    `gradient` is the mean over the cell of the luma gradient's magnitude `sqrt(gx^2 + gy^2)` in 8-bit units per sample,
    with central differences (one-sided at the picture's edges). Flat areas get more weight than textured ones.

    Args:
        frames: Pictures of one size and chroma format.
        log2_unit: Cells of `2**log2_unit` luma samples, 0..7.

    Raises:
        IdseError: An argument out of its range, pictures that differ in size.
    """
    _check_frames(frames)
    _need(0 <= log2_unit <= 7, f"log2 unit {log2_unit}: must be 0..7")
    planes = [1.0 / (block_mean(_gradient(f), 1 << log2_unit) + ACTIVITY_FLOOR) for f in frames]
    first = frames[0]
    meta = {"estimator": "activity", "floor": ACTIVITY_FLOOR, "at": "source"}
    return WeightMap(first.width, first.height, log2_unit, np.stack(planes)[:, None], None, meta)


def _plane_function(
    frame: Frame, extractor: FeatureExtractor, target: str, metric: str
) -> Callable[[Sequence[torch.Tensor]], list[torch.Tensor]]:
    """The function from coded planes to the tensors of the target."""
    from idse.importance.planes import planes_to_rgb, planes_to_tensors

    reference = planes_to_rgb(planes_to_tensors(frame, extractor.device), frame)
    function = target_function(extractor, target, reference, METRICS[metric])
    return lambda planes: function(planes_to_rgb(planes, frame))


def _sketch_frame(
    frame: Frame,
    function: Callable[[Sequence[torch.Tensor]], list[torch.Tensor]],
    extractor: FeatureExtractor,
    proj_dim: int,
    sketch: str,
    seed: int,
    rounds: int,
    noise_sigma: float,
    level_norm: str,
    tiles: bool,
    spectra: TileSpectra | None,
    tick: Callable[[int], None],
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """The importance of every sample of each plane and, with `tiles`, the luma rows of the sketch cut into tiles.

    Every row is added to `spectra`.
    """
    import torch

    from idse.importance.planes import planes_to_tensors
    from idse.importance.sketch import sketched_rows

    generator = torch.Generator("cpu").manual_seed(seed)
    clean = planes_to_tensors(frame, extractor.device)
    sums = [torch.zeros_like(p) for p in clean]
    rows: list[NDArray[np.float32]] = []

    for step in range(rounds):
        inputs = clean
        if noise_sigma > 0:
            inputs = [
                p + (torch.randn(p.shape, generator=generator) * noise_sigma).to(p.device) for p in clean
            ]
        products = sketched_rows(function, inputs, proj_dim, generator, kind=sketch, level_norm=level_norm)
        for k, gradients in enumerate(products):
            for total, gradient in zip(sums, gradients, strict=True):
                total.addcmul_(gradient, gradient)
            if tiles:
                rows.append(split_tiles(gradients[0][0, 0].cpu().numpy()) / np.float32(rounds) ** 0.5)
            if spectra is not None:
                spectra.add(gradients)
            tick(step * proj_dim + k + 1)
    diagonal = [(total / rounds)[0, 0].cpu().numpy() for total in sums]
    _need(
        all(np.isfinite(d).all() for d in diagonal),
        f"the gradients of {extractor.name} are not finite; use another detector",
    )
    return diagonal, rows


def _to_grid(diagonal: list[NDArray[np.float32]], frame: Frame, log2_unit: int) -> NDArray[np.float32]:
    luma = block_mean(diagonal[0], 1 << log2_unit)
    rows, cols = luma.shape
    return np.stack([luma] + [chroma_to_grid(p, log2_unit, rows, cols) for p in diagonal[1:]])


def _clip(planes: NDArray[np.float32], percentile: float) -> NDArray[np.float32]:
    """Clip each plane at its percentile, unless that is 0: a sparse map must not become all zero."""
    for plane in planes:
        limit = np.percentile(plane, percentile)
        if limit > 0:
            np.minimum(plane, limit, out=plane)
    return planes


def _clip_tiles(
    rows: list[NDArray[np.float32]], luma: NDArray[np.float32], percentile: float
) -> NDArray[np.float32]:
    """`[tile_rows, tile_cols, l, 64]`; each tile is scaled as clipping scales the mean of its 8x8 samples."""
    mean = block_mean(luma, 8)
    clipped = _clip(mean[None].copy(), percentile)[0]
    gain = np.sqrt(np.divide(clipped, mean, out=np.ones_like(mean), where=mean > 0))
    return np.stack(rows, axis=2) * gain[:, :, None, None]


def _gradient(frame: Frame) -> NDArray[np.float32]:
    """Magnitude of the luma gradient in 8-bit units, in strips of rows (with one row of context) to limit memory."""
    luma, scale = frame.planes[0], np.float32(1.0 / (1 << (frame.bit_depth - 8)))
    height, width = luma.shape
    out = np.empty((height, width), np.float32)
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, height)
        first, last = max(top - 1, 0), min(bottom + 1, height)
        strip = luma[first:last].astype(np.float32) * scale
        gx = np.gradient(strip, axis=1) if width > 1 else np.zeros_like(strip)
        gy = np.gradient(strip, axis=0) if len(strip) > 1 else np.zeros_like(strip)
        out[top:bottom] = np.hypot(gx, gy)[top - first : bottom - first]
    return out


def _check_frames(frames: Sequence[Frame]) -> None:
    _need(len(frames) > 0, "no pictures to make a weight map of")
    first = frames[0]
    for frame in frames:
        same = (frame.width, frame.height, frame.chroma_format) == (
            first.width,
            first.height,
            first.chroma_format,
        )
        _need(same, "the pictures of a weight map must have one size and chroma format")


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise IdseError(message)
