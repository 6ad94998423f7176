"""Data sets and their items: pictures with, if they are annotated, their ground truth."""

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
"""How pictures of a data set are read: grey pictures become 4:2:0 too."""

STILL_CONVERSION = (
    "RGB -> BT.601 full range 8-bit 4:2:0, chroma 2x2 mean, half up; "
    "not cropped, the last samples of an odd side repeated"
)
"""A description of `STILL` for the identities of data sets."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class DatasetSettings:
    """Which data set is used, and which part of it.

    Attributes:
        kind: "coco" (any data set with an annotation file in COCO's format), "cityscapes" (the fine annotations),
            "folder" (pictures without annotations) or "sequence" (YUV, Y4M, video).
        images: The folder of the pictures. For "cityscapes" the folder that has leftImg8bit and gtFine; for "sequence"
            a file, or a folder of files.
        annotations: COCO's JSON file; for "cityscapes" the folder gtFine, if it is elsewhere.
        name: Its name in tables; "": the name of the folder or file.
        split: For "cityscapes": train or val.
        limit: Use only this many items, the first ones by name.
        only: Use only the items with these names.
        size: Width and height of raw files whose name does not say it. This and all that follow are for "sequence".
        bit_depth: Bit depth of raw files.
        chroma: Chroma format of raw files.
        frames: The first frame, and the one after the last (None: to the end).
        matrix: The matrix, if the file's own is wrong.
        full_range: The range, if the file's own is wrong.
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
        """`name`, or the name of the folder or file."""
        return self.name or self.images.resolve().name

    @property
    def input_options(self) -> InputOptions:
        """How a sequence is read."""
        return InputOptions(self.size, self.bit_depth, self.chroma, self.frames, self.matrix, self.full_range)


@dataclass(frozen=True, eq=False)
class Item:
    """One picture or sequence. It takes little memory until it is read, and can be pickled.

    Attributes:
        name: Unique in its data set.
        path: The file.
        frame_count: How many frames `read` gives.
        options: How the file is read.
        load_truth: Makes `truth`; None: the item is not annotated, and pseudo ground truth is used instead.
    """

    name: str
    path: Path
    frame_count: int = 1
    options: InputOptions = STILL
    load_truth: Callable[[], Truth] | None = None

    @cached_property
    def truth(self) -> Truth | None:
        """The objects in the picture, in samples of the picture, or None. Made when first needed.

        Raises:
            IdseError: An annotation's mask is damaged.
        """
        return self.load_truth() if self.load_truth else None

    def read(self) -> list[Frame]:
        """The frames that are coded.

        Raises:
            IdseError: The file is missing or damaged, or has another number of frames than `frame_count`.
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
        name: Its name in tables.
        kind: The kind in its settings.
        classes: The names of the classes; labels of truths are indices into it. Empty without annotations.
        items: The items, sorted by name.
        has_masks: Whether truths have masks.
        identity: Everything that decides samples and truths except the pictures themselves; JSON-serialisable. It
            depends neither on paths nor on the choice of items.
        notes: Remarks for the user, whole sentences.
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
    """The entries that `only` and `limit` choose, with their item names, sorted by name.

    Raises:
        IdseError: `only` names an item that does not exist, or two items have the same name.
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
    """Item names for the relative paths of files: without suffix, unless two names would be equal."""
    stems = {path: re.sub(r"\.[^./\\]+$", "", path) for path in paths}
    counts = Counter(stems.values())
    return {path: path if counts[stem] > 1 else stem for path, stem in stems.items()}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no file can have such a name
        return False


def check_missing(paths: Sequence[Path], total: int, what: str, remedy: str) -> None:
    """Raise an `IdseError` that names the first of the `paths` that is not a file. `remedy` says what to do."""
    missing = [path for path in paths if not _is_file(path)]
    if missing:
        raise IdseError(f"{missing[0]}: no such file, {len(missing)} of {total} {what} are missing: {remedy}")
