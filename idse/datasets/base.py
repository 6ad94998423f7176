"""What every data set gives: items with their pictures and, where it is annotated, their truth."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from idse.errors import IdseError
from idse.media.frame import ChromaFormat, Frame, Matrix
from idse.media.io import InputOptions, read_frames
from idse.metrics.detection import Truth
from idse.schema import Range

Kind = Literal["coco", "cityscapes", "folder", "sequence"]

STILL = InputOptions(chroma="420")
"""How pictures of a data set are read: grey ones become 4:2:0 too."""

STILL_CONVERSION = (
    "RGB -> BT.601 full range 8-bit 4:2:0, chroma 2x2 mean, half up; "
    "not cropped, the last samples of an odd side repeated"
)
"""The same in words, as identities say it."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class DatasetSettings:
    """Which data set, and how much of it.

    Attributes:
        kind: "coco" (any data set with an annotation file in COCO's format), "cityscapes" (the fine annotations),
            "folder" (pictures without annotations) or "sequence" (YUV, Y4M, video).
        images: Folder of the pictures; of "cityscapes" the one that holds leftImg8bit and gtFine; of "sequence" a
            file or a folder of them.
        annotations: COCO's JSON file; of "cityscapes" the folder gtFine, where it lies elsewhere.
        name: In tables; "": the name of the folder or file.
        split: Of "cityscapes": train or val.
        limit: Only the first so many items (by name).
        only: Only the items of these names.
        size: Width and height of raw files that do not say it in their name ("sequence", as all that follow).
        bit_depth: Of raw files.
        chroma: Of raw files.
        frames: First frame, and the one after the last (None: to the end).
        matrix: Instead of what the file says.
        full_range: Instead of what the file says.
    """

    kind: Kind
    images: Path
    annotations: Path | None = None
    name: str = ""
    split: str = "val"
    limit: Annotated[int | None, Range(least=1)] = None
    only: tuple[str, ...] = ()
    size: tuple[Annotated[int, Range(least=1)], Annotated[int, Range(least=1)]] | None = None
    bit_depth: Annotated[int | None, Range(least=8, most=16)] = None
    chroma: ChromaFormat | None = None
    frames: tuple[Annotated[int, Range(least=0)], Annotated[int | None, Range(least=1)]] = (0, None)
    matrix: Matrix | None = None
    full_range: bool | None = None

    @property
    def title(self) -> str:
        """`name`, or that of the folder or file."""
        return self.name or self.images.resolve().name

    @property
    def input_options(self) -> InputOptions:
        """How a sequence is read."""
        return InputOptions(self.size, self.bit_depth, self.chroma, self.frames, self.matrix, self.full_range)


@dataclass(frozen=True, eq=False)
class Item:
    """One picture or sequence. Small until it is read, and can be pickled.

    Attributes:
        name: Unique in its data set.
        path: The file.
        frame_count: How many frames `read` gives.
        options: How the file is read.
        load_truth: Makes `truth`; None: nobody annotated the item, and pseudo ground truth takes its place.
    """

    name: str
    path: Path
    frame_count: int = 1
    options: InputOptions = STILL
    load_truth: Callable[[], Truth] | None = None

    @cached_property
    def truth(self) -> Truth | None:
        """What is in the picture, in its own samples, or None; made when first asked for.

        Raises:
            IdseError: An annotation's mask is damaged.
        """
        return self.load_truth() if self.load_truth else None

    def read(self) -> list[Frame]:
        """The frames, as they are coded.

        Raises:
            IdseError: The file is gone or damaged, or holds another number of frames than it promised.
        """
        frames = read_frames(self.path, self.options)
        if len(frames) != self.frame_count:
            raise IdseError(
                f"{self.path}: {len(frames)} frames can be read, but its header says {self.frame_count}: "
                "choose a range with frames"
            )
        return frames


@dataclass(frozen=True, eq=False)
class Dataset:
    """A checked data set.

    Attributes:
        name: In tables.
        kind: As in the settings.
        classes: What the labels of truths index; () without annotations.
        items: By name.
        has_masks: Whether truths have masks.
        identity: JSON-able: all that decides samples and truths, besides the pictures themselves. Knows neither paths
            nor which items were chosen.
        notes: What was noticed on loading; sentences.
    """

    name: str
    kind: Kind
    classes: tuple[str, ...]
    items: tuple[Item, ...]
    has_masks: bool
    identity: dict[str, Any]
    notes: tuple[str, ...] = field(default=())


def choose(
    settings: DatasetSettings, entries: Sequence[_T], name_of: Callable[[_T], str]
) -> list[tuple[str, _T]]:
    """Entries with their item names, sorted by name; those that `only` and `limit` leave.

    Raises:
        IdseError: `only` names an item that is not there, or two have one name.
    """
    named = sorted(((name_of(e), e) for e in entries), key=lambda pair: pair[0])
    counts = Counter(name for name, _ in named)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise IdseError(f"{settings.images}: two items have the name {twice[0]}: rename one of them")
    if unknown := [name for name in settings.only if name not in counts]:
        near = difflib.get_close_matches(unknown[0], counts, 1) or [named[0][0]]
        raise IdseError(
            f"only: {settings.title} has no item {unknown[0]}: its names look like {near[0]}"
            + (f" ({len(unknown)} of the {len(settings.only)} names are unknown)" if len(unknown) > 1 else "")
        )
    if settings.only:
        named = [pair for pair in named if pair[0] in settings.only]
    return named[: settings.limit]


def item_names(paths: Sequence[str]) -> dict[str, str]:
    """Names of files given by their relative paths: without suffix, unless that makes two equal."""
    stems = {path: re.sub(r"\.[^./\\]+$", "", path) for path in paths}
    counts = Counter(stems.values())
    return {path: path if counts[stem] > 1 else stem for path, stem in stems.items()}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no name that a file can have
        return False


def check_missing(paths: Sequence[Path], total: int, what: str, remedy: str) -> None:
    """Raise an `IdseError` that names the first of the `paths` that is no file; `remedy`: what to do."""
    missing = [path for path in paths if not _is_file(path)]
    if missing:
        raise IdseError(f"{missing[0]}: no such file, {len(missing)} of {total} {what} are missing: {remedy}")
