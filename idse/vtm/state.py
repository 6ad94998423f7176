"""The record `.idse-patch.json` in the root of a patched tree, which lists what was done to each file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from idse.errors import IdseError
from idse.json_text import parse_json
from idse.vtm import tree_files

STATE = ".idse-patch.json"


@dataclass(frozen=True)
class Edited:
    """SHA-256 of an edited file before and after the patch."""

    before: str
    after: str


@dataclass(frozen=True)
class State:
    """The contents of the record.

    Attributes:
        idse: The version of idse that wrote the record.
        vtm: The version of VTM.
        patch: `PatchList.digest`.
        complete: False from before the first file is written until after the last one is.
        files: The edited files.
        copies: The copied files, each with the SHA-256 of every content from idse; there are two while a patch is
            being replaced.
    """

    idse: str
    vtm: str
    patch: str
    complete: bool
    files: dict[str, Edited] = field(default_factory=dict)
    copies: dict[str, list[str]] = field(default_factory=dict)

    def save(self, root: Path) -> None:
        """Write the record; raise an `IdseError` if that is not possible."""
        tree_files.write(root / STATE, (json.dumps(asdict(self), indent=1) + "\n").encode())


def load_state(root: Path) -> State | None:
    """Read the record of a tree; return None if there is none.

    Raises:
        IdseError: The file exists but is not a valid record.
    """
    data = tree_files.read(root, STATE)
    if data is None:
        return None
    try:
        value: dict[str, Any] = parse_json(data)
        files = {_plain(name): Edited(**entry) for name, entry in value["files"].items()}
        copies = {_plain(name): list(map(str, hashes)) for name, hashes in value["copies"].items()}
        idse, vtm, patch = (str(value[key]) for key in ("idse", "vtm", "patch"))
        return State(idse, vtm, patch, value["complete"] is True, files, copies)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise IdseError(
            f"{root / STATE}: damaged; delete this file and run the command again (idse's lines are found without it)"
        ) from None


def sha256(data: bytes) -> str:
    """Return the SHA-256 as hexadecimal text."""
    return hashlib.sha256(data).hexdigest()


def _plain(name: str) -> str:
    # A user can edit the file: a name in it must not cause a removal outside the sources.
    if not name.startswith("source/") or ".." in name.split("/"):
        raise ValueError(name)
    return name
