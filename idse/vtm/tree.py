"""A user's checkout of VTM: recognises it and finds its version, executable and configuration files."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from idse.errors import IdseError

# Versions that the patch supports; "23" stands for 23.0, 23.1 and so on.
SUPPORTED = ("8.2", "10.0", "23")

_VERSION_HEADER = "source/Lib/CommonLib/version.h"
_VERSION = re.compile(rb'^[ \t]*#[ \t]*define[ \t]+VTM_VERSION[ \t]+"([0-9A-Za-z.+_-]+)"', re.MULTILINE)


@dataclass(frozen=True)
class VtmTree:
    """A recognised checkout.

    Attributes:
        root: Absolute path of its folder, without symbolic links.
        version: Version that the tree states, such as "23.13".
    """

    root: Path
    version: str

    @classmethod
    def open(cls, root: Path, supported: Sequence[str] | None = SUPPORTED) -> VtmTree:
        """Recognise the checkout at `root`.

        Args:
            root: The folder with `source/`, `cfg/` and VTM's `CMakeLists.txt`.
            supported: Accepted versions, or their beginnings up to a dot; None for any.

        Raises:
            IdseError: The folder is not VTM, or not one of these versions.
        """
        wanted = f"supported are {spell_versions(supported or SUPPORTED)}"
        path = root.resolve()
        if not path.is_dir():
            problem = "is no folder" if path.exists() else "does not exist"
            raise IdseError(f"{root}: {problem}; name a checkout of VTM ({wanted})")
        try:
            header = (path / _VERSION_HEADER).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise IdseError(
                f"{root}: no checkout of VTM: it has no {_VERSION_HEADER}; name the folder that holds "
                f"VTM's source/ ({wanted})"
            ) from None
        except OSError as error:
            raise IdseError(f"{path / _VERSION_HEADER}: cannot be read ({error.strerror})") from None
        found = _VERSION.search(header)
        if found is None:
            raise IdseError(
                f"{root}: no checkout of VTM: {_VERSION_HEADER} does not define VTM_VERSION as a text ({wanted})"
            )
        version = found[1].decode("ascii")
        if supported is not None and not version_matches(version, supported):
            raise IdseError(f"{root}: this is VTM {version}; {wanted}: check one of these out")
        return cls(path, version)

    @property
    def executable(self) -> Path | None:
        """The encoder that was built in this checkout, if any."""
        return find_executable(self.root)

    def config(self, name: str) -> Path:
        """Return a configuration file under `cfg/`, such as "encoder_intra_vtm.cfg".

        Raises:
            IdseError: There is no such file.
        """
        folder = self.root / "cfg"
        path = folder / name
        if not path.is_file():
            there = ", ".join(sorted(p.name for p in folder.glob("encoder_*.cfg"))) or "none"
            raise IdseError(f"{path}: no such file in this VTM {self.version}; there are: {there}")
        return path


def find_executable(root: Path) -> Path | None:
    """Return the encoder of VTM's own build: `bin/EncoderAppStatic`, or else the newest below `bin/`."""
    folder = root / "bin"
    static = [folder / "EncoderAppStatic", folder / "EncoderAppStatic.exe"]
    for path in static:
        if _runs(path):
            return path
    others = [path for path in folder.glob("**/EncoderApp*") if _runs(path)]
    return max(others, key=lambda path: path.stat().st_mtime_ns, default=None)


def version_matches(version: str, wanted: Sequence[str]) -> bool:
    """Return whether `version` is one of `wanted` or continues one after a dot: "23" matches 23.0, not 230."""
    return any(version == w or version.startswith(w + ".") for w in wanted)


def spell_versions(versions: Sequence[str]) -> str:
    """Return the versions as text for the user: "8.2, 10.0, 23.x"."""
    return ", ".join(v if "." in v else f"{v}.x" for v in versions)


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
