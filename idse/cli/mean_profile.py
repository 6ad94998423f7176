"""What `idse map --profile` does: writes the mean frequency profile of many pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from idse.cli.output import Bar, note, print_json
from idse.engines import EncodeSettings
from idse.engines.first_pass import decoded_frames
from idse.errors import IdseError
from idse.importance.caption import single_maps
from idse.importance.estimate import NothingToPreserve
from idse.importance.maker import MapMaker
from idse.importance.profile import MeanProfile, ProfileSum
from idse.importance.settings import PROFILES
from idse.media.files import check_writable, replacing
from idse.media.io import InputOptions, list_pictures, read_frames


def write_profile(
    maker: MapMaker,
    inputs: Sequence[Path],
    file: Path,
    reading: InputOptions,
    coding: EncodeSettings,
    *,
    as_json: bool,
) -> None:
    """Write the mean profile of all pictures to `file`, and print its figures.

    Args:
        maker: Makes the maps, whose profiles are averaged.
        inputs: Files and folders of pictures.
        file: JSON; see `MeanProfile`.
        reading: How the files are read.
        coding: Of a first encode, for maps with two passes.
        as_json: Print the figures as JSON.

    Raises:
        IdseError: A picture that was named cannot be read, the method has no profile, or no picture has anything to
            preserve. Pictures of a folder that cannot be used are left out; the error that counts them comes last.
    """
    s = maker.settings
    if str(file) in PROFILES:
        raise IdseError(f"--profile {file}: names a file to write; --use-profile {file} chooses the map's profile")
    if s.method != "jacobian" or s.profile != "own":
        raise IdseError("--profile averages what detectors' gradients show: choose jacobian and --use-profile own")
    check_writable(file)
    paths = [p for given in inputs for p in (list_pictures(given) if given.is_dir() else [given])]
    for path in paths:
        if not path.exists():  # before the others are computed
            raise IdseError(f"{path}: no such file")
    if file.resolve() in {p.resolve() for p in paths}:
        raise IdseError(f"{file}: would overwrite the input; choose another name")
    maker.load()  # what is wrong with the detector is not the pictures' fault
    named = {p for p in inputs if not p.is_dir()}
    total, left_out, seconds, failed = ProfileSum(), 0, 0.0, list[str]()
    maps: list[dict[str, Any]] = []
    with Bar(f"profile of {len(paths)} file(s)") as bar:
        for number, path in enumerate(paths):
            try:
                made = _maps_of(maker, path, reading, coding)
            except IdseError as error:  # a folder's other pictures go on
                if path in named:
                    raise
                failed.append(path.name)
                note(f"idse: error: {error}")
                made = []
            for one in made:
                if one is None:
                    left_out += 1
                    continue
                seconds += one.seconds
                try:
                    total.add(one.profiles)
                except IdseError as error:
                    if path in named:
                        raise IdseError(f"{path}: {error}") from None
                    failed.append(path.name)
                    note(f"idse: error: {path}: {error}")
                    break
                maps = maps or [one.meta]
            bar((number + 1) / len(paths))
    if failed and total.pictures == 0 and not left_out:
        raise IdseError(f"none of {len(paths)} pictures could be used: {', '.join(failed[:5])}")
    if total.pictures == 0:
        raise IdseError("no change of any picture moves a box or score; choose --target both or features")
    if left_out:
        note(f"{left_out} picture(s) left out: no change of them moves a box or score")
    found = MeanProfile(
        total.mean(), total.pictures, "+".join(_names(maps[0])), s.target, {"importance": s.deciding(), "map": maps[0]}
    )
    with replacing(file) as temporary:
        found.save(temporary)
    if as_json:
        print_json({
            "output": str(file), "bytes": file.stat().st_size, "pictures": total.pictures, "left_out": left_out,
            "planes": len(found.tables), "load_seconds": maker.load_seconds, "map_seconds": seconds,
        })  # fmt: skip
    else:
        print(f"profile of {total.pictures} picture(s)  {len(found.tables)} plane(s)  map {seconds:.2f} s  {file}")
    if failed:
        raise IdseError(f"{len(failed)} of {len(paths)} pictures could not be used: {', '.join(failed[:5])}")


class _Made(NamedTuple):
    """What a map of one frame is needed for."""

    profiles: NDArray[np.float32]
    meta: dict[str, Any]
    seconds: float


def _maps_of(
    maker: MapMaker, path: Path, reading: InputOptions, coding: EncodeSettings
) -> list[_Made | None]:
    """The profiles of a file's frames, made one by one; None for a frame without anything to preserve."""
    s, out = maker.settings, list[_Made | None]()
    for frame in read_frames(path, reading):
        decoded = decoded_frames([frame], coding) if s.takes_decoded else None
        try:
            made = maker([frame], decoded=decoded)
        except NothingToPreserve:
            out.append(None)
            continue
        assert made is not None
        if made.profiles is None:
            raise IdseError(f"{s.detector}: these weights have no profile; choose another detector")
        out.append(_Made(made.profiles, made.meta, maker.seconds))
    return out


def _names(meta: dict[str, Any]) -> list[str]:
    """The detectors of a map, each once."""
    return list(dict.fromkeys(m["extractor_name"] for m in single_maps(meta)))
