"""Pictures of a study: source, decoded picture, weight map and detections."""

from __future__ import annotations

import functools
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from idse.engines import engine_class
from idse.engines.first_pass import band_qp
from idse.errors import IdseError
from idse.importance.caption import caption, meta_of_settings, single_maps
from idse.media.coded import decode_coded
from idse.media.frame import Frame, decoded_rgb
from idse.media.scaling import coded_size, scaled
from idse.study.grid import Grid
from idse.sweeps.packing import unpack_detections
from idse.sweeps.plan import Plan, parse_plan
from idse.sweeps.preparation import source_key
from idse.sweeps.store import Store, Sweep

if TYPE_CHECKING:
    from idse.datasets import Dataset
    from idse.importance.weight_map import WeightMap
    from idse.metrics.detection import Detections, Truth

_FRAMES = 1  # only the first frame of a sequence is shown


@dataclass(frozen=True)
class Cell:
    """One coded item.

    Attributes:
        codec: Its name.
        item: Its name.
        qp: The QP.
        scale: The coded size in per cent.
        bytes: The size of the stream.
        bpp: Bits per luma sample at the original size.
        figures: Measures of this item by key: PSNR, MS-SSIM and feature distance in dB.
    """

    codec: str
    item: str
    qp: int
    scale: int
    bytes: int
    bpp: float
    figures: dict[str, float]
    key: str


class Gallery:
    """Reads pictures from the store and the data set. What is missing (moved files, streams not kept) is None.

    Args:
        store: The store of results.
        sweep: The sweep.
        counted: Positions of the items that are compared.
        grids: The grids by the codec's name.
    """

    def __init__(self, store: Store, sweep: Sweep, counted: Sequence[int], grids: Mapping[str, Grid]) -> None:
        self._store, self._sweep, self._grids = store, sweep, grids
        self.items = [sweep.items[i][0] for i in counted]
        self._digests = [sweep.items[i][2] for i in counted]
        self._truths = [sweep.items[i][3] for i in counted]
        self._hashes = {name: h for name, h, _ in sweep.detectors}
        self._classes = {name: tuple(about["classes"]) for name, _, about in sweep.detectors}
        self._frame = functools.lru_cache(maxsize=8)(self._read)

    def cells(self, item: str, bpp: float) -> list[Cell]:
        """For every codec the cell of an item whose rate is nearest to `bpp` (by ratio)."""
        found = []
        at = self.items.index(item)
        for name, grid in self._grids.items():
            rates = 8 * grid.bytes[:, at] / grid.samples[at]
            p = int(np.argmin(np.abs(np.log(rates / bpp))))
            scale, qp = grid.settings[p]
            figures = {
                k: float(grid.psnr[i, p, at])
                for i, k in enumerate(("psnr_y", "psnr_u", "psnr_v")[: len(grid.psnr)])
            }
            figures["ms_ssim"] = float(grid.ms_ssim[p, at])
            key = grid.keys[p][at]
            for detector, h in self._hashes.items():
                seen = self._store.observation(key, h, self._truths[at])
                if seen is not None and seen.feature_sse and seen.feature_elements:
                    figures[f"features:{detector}"] = -10 * math.log10(
                        seen.feature_sse / seen.feature_elements
                    )
            found.append(
                Cell(
                    name, item, qp, scale, int(grid.bytes[p, at]), float(rates[p]),
                    {k: v for k, v in figures.items() if math.isfinite(v)}, key,
                )
            )  # fmt: skip
        return found

    def source(self, item: str) -> npt.NDArray[np.uint8] | None:
        """RGB of the first frame of the uncompressed item."""
        frame = self._frame(item)
        return None if frame is None else frame.to_rgb()

    def decoded(self, cell: Cell) -> npt.NDArray[np.uint8] | None:
        """RGB of the decoded picture, at the original size."""
        stream, source = self._store.stream(cell.key), self._frame(cell.item)
        if stream is None or source is None:
            return None
        like = scaled(source, *coded_size(source.width, source.height, cell.scale))
        try:
            frames = self._decode(stream, cell.codec, like)[:_FRAMES]
        except IdseError:
            return None
        frame = scaled(frames[0], source.width, source.height)
        return np.asarray(decoded_rgb(frame, source.bit_depth))

    def _decode(self, stream: bytes, codec: str, like: Frame) -> list[Frame]:
        engine = next(d["engine"] for n, d in self._sweep.codecs if n == codec)
        coder = engine_class(engine)
        if not coder.has_own_decoder():
            return decode_coded(stream, coder.stream_format, like)
        wanted = next((c for c in self._plan.codecs if c.name == codec), None)
        if wanted is None:
            raise IdseError(f"the sweep's plan has no codec '{codec}' any more")
        return coder.from_options(wanted.options).decode(stream, like)

    def importance(self, cell: Cell) -> WeightMap | None:
        """The map that the item was coded with, at its coded size."""
        from idse.importance.weight_map import WeightMap

        data = self._store.weight_map(cell.key)
        if data is None:
            return None
        with tempfile.TemporaryDirectory(prefix="idse-map-") as folder:
            path = Path(folder) / "map.idsew"
            path.write_bytes(data)
            return WeightMap.load(path)

    def map_caption(self, cell: Cell, found: WeightMap) -> str:
        """What the map of a cell is of: as its META says, or as the codec's settings say where META does not."""
        if all("at" in single for single in single_maps(found.meta)) and (said := caption(found.meta)):
            return said
        described = next(about for name, about in self._sweep.codecs if name == cell.codec)
        return caption(meta_of_settings(described["importance"], band_qp(cell.qp)))

    def detections(self, item: str, cell: Cell | None, detector: str) -> Detections | None:
        """The detections in a coded item; without a cell those in the uncompressed item."""
        at = self.items.index(item)
        key = source_key(self._digests[at]) if cell is None else cell.key
        seen = self._store.observation(key, self._hashes[detector], self._truths[at])
        return None if seen is None else unpack_detections(seen.detections)[0]

    def found(self, keys: Sequence[str], detector: str) -> list[Detections]:
        """The detections in the first frames of results; `keys` has a key for each of `items`.

        Raises:
            IdseError: The detector was not run on one of them.
        """
        found = []
        for key, item, truth in zip(keys, self.items, self._truths, strict=True):
            seen = self._store.observation(key, self._hashes[detector], truth)
            if seen is None:
                raise IdseError(
                    f"{self._store.path}: {detector} was not run on a result of {item}: run the sweep again"
                )
            found.append(unpack_detections(seen.detections)[0])
        return found

    def truth(self, item: str) -> Truth | None:
        """The item's annotations; None if it has none or they are missing."""
        if self._dataset is None:
            return None
        found = next((i for i in self._dataset.items if i.name == item), None)
        return None if found is None else found.truth

    def classes(self, detector: str | None) -> tuple[str, ...]:
        """Class names of a detector; with None those of the annotations."""
        if detector is not None:
            return self._classes[detector]
        return tuple(self._sweep.about["dataset"]["classes"])

    def uncompressed(self, measure: str) -> float | None:
        """The value of a measure on the uncompressed items; None if it does not use annotations."""
        from idse.metrics.average_precision import PrecisionCurves
        from idse.metrics.matching import Matches

        kind, *rest = measure.split(":")
        head, _, tail = kind.partition("_")
        if tail not in ("box", "mask") or not rest:
            return None
        packed = []
        for digest, truth in zip(self._digests, self._truths, strict=True):
            seen = self._store.observation(source_key(digest), self._hashes[rest[0]], truth)
            data = None if seen is None else (seen.boxes if tail == "box" else seen.masks)
            if data is None:
                return None
            packed.append(Matches.unpack(data))
        curves = PrecisionCurves(packed, len(self.classes(None)))
        if head == "class":
            return float(curves.per_class()[self.classes(None).index(rest[1])])
        return {"map": curves.mean, "ap50": lambda: curves.mean(None, 0.5), "wap": curves.weighted}[head]()

    @functools.cached_property
    def _dataset(self) -> Dataset | None:
        from idse.datasets import open_dataset

        try:
            return open_dataset(self._plan.dataset)
        except IdseError:
            return None

    @functools.cached_property
    def _plan(self) -> Plan:
        about: dict[str, Any] = self._sweep.about
        return parse_plan(self._sweep.plan, Path(about["folder"]), self._sweep.name)

    def _read(self, item: str) -> Frame | None:
        found = (
            None if self._dataset is None else next((i for i in self._dataset.items if i.name == item), None)
        )
        try:
            return None if found is None else found.read()[0]
        except IdseError:
            return None
