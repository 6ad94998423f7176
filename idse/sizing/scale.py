"""The coded size as a setting of an encode: a number of per cent, or the choice of the best size for the detectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from idse.engines import EncodeSettings, Engine
from idse.errors import IdseError
from idse.importance.maker import LoadExtractor, load_features
from idse.importance.settings import ImportanceSettings
from idse.media.frame import Frame
from idse.media.scaling import RESAMPLING, coded_size, scaled
from idse.sizing.choice import SizeChoice, choose_size
from idse.sizing.distance import DetectorDistance

LEAST = 5
"""The smallest size in per cent, as in plans."""


@dataclass(frozen=True)
class Sized:
    """Frames at the size that they are coded at.

    Attributes:
        frames: The frames to code.
        settings: The settings to code them with: the target counts samples and QP of the source.
        scale: The size in per cent.
        source_size: Width and height of the source, which the stream does not contain.
        choice: How the size was chosen; None if it was given.
    """

    frames: list[Frame]
    settings: EncodeSettings
    scale: int
    source_size: tuple[int, int]
    choice: SizeChoice | None = None

    @property
    def coded_size(self) -> tuple[int, int]:
        """Width and height of the coded picture."""
        return self.frames[0].width, self.frames[0].height

    def figures(self, data: bytes) -> dict[str, Any]:
        """Figures of the size for JSON; bpp is in bits per luma sample of the source."""
        width, height = self.source_size
        return {
            "bpp": 8 * len(data) / (width * height * len(self.frames)),
            "scale": self.scale,
            "coded_size": list(self.coded_size),
            "source_size": list(self.source_size),
            "choice_seconds": 0.0 if self.choice is None else self.choice.seconds,
        }

    def record(self) -> dict[str, Any]:
        """What a stream's provenance tells of its size; nothing for the full size that was given."""
        if self.scale == 100 and self.choice is None:
            return {}
        about = {
            "percent": self.scale,
            "coded_size": list(self.coded_size),
            "source_size": list(self.source_size),
            "resampling": RESAMPLING,
        }
        return {"scale": about | ({} if self.choice is None else {"choice": self.choice.record()})}

    def words(self) -> str:
        """Both sizes for people; nothing for the full size that was given."""
        if self.scale == 100 and self.choice is None:
            return ""
        (w, h), (width, height) = self.coded_size, self.source_size
        return f"{w}x{h} ({self.scale} % of {width}x{height})"


class Scale:
    """Scales frames down before an encode.

    Args:
        percent: The size, 5..100; None: chosen for each input.
        engine: The engine that will code the frames.
        importance: Of the maps; its detectors judge sizes.
        load_extractor: Gives the feature extractor for a detector's name, weights, device and nodes.

    Raises:
        IdseError: The size is out of range, or cannot be chosen for this engine or without a detector.
    """

    def __init__(
        self,
        percent: int | None,
        engine: type[Engine],
        importance: ImportanceSettings,
        load_extractor: LoadExtractor = load_features,
    ) -> None:
        if percent is not None and not LEAST <= percent <= 100:
            raise IdseError(f"scale {percent}: must be auto, or per cent, {LEAST}..100")
        if percent is None and engine.stream_format != "vvc":
            raise IdseError(
                f"scale auto compares sizes by VVC, whose choice and QP mean little to the {engine.name} engine: "
                "give a number"
            )
        if percent is None and importance.method != "jacobian":
            raise IdseError(
                f"scale auto needs a detector to compare sizes, and importance {importance.method} has none: "
                "use jacobian, or give a number"
            )
        self.percent = percent
        self._distance = DetectorDistance(importance, load_extractor)

    @classmethod
    def parse(
        cls,
        text: str,
        engine: type[Engine],
        importance: ImportanceSettings,
        load_extractor: LoadExtractor = load_features,
    ) -> Scale:
        """Read "auto" or a number of per cent.

        Raises:
            IdseError: It is neither, or what the class raises.
        """
        if text != "auto" and not (text.isascii() and text.isdigit() and len(text) < 9):
            raise IdseError(f"scale '{text}': must be auto, or per cent, {LEAST}..100")
        return cls(None if text == "auto" else int(text), engine, importance, load_extractor)

    def __call__(
        self, frames: Sequence[Frame], settings: EncodeSettings, progress: Callable[[float], None] | None = None
    ) -> Sized:
        """Scale frames of one size, and adapt the settings to it.

        Args:
            frames: Source frames.
            settings: Of the encode, as for the source.
            progress: Called with the share of the choice that is done, 0..1.

        Raises:
            IdseError: A size is to be chosen, and the frames cannot be coded or the detectors cannot see them.
        """
        width, height = frames[0].width, frames[0].height
        percent, choice = self.percent, None
        if percent is None:
            choice = choose_size(frames, settings, self._distance.of, progress)
            percent = choice.scale
        if percent != 100:
            if settings.target.is_size:
                wanted = settings.target.frame_bytes(width, height)
                settings = settings.changed(target_bytes=wanted, target_bpp=None)
            elif choice is not None and choice.qp is not None:
                settings = settings.changed(qp=choice.qp)
        coded = [scaled(frame, *coded_size(width, height, percent)) for frame in frames]
        return Sized(coded, settings, percent, (width, height), choice)
