"""The contents of the patch: reads and checks `vtm_patch/insertions.toml` and the sources that it names."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from idse.errors import IdseError
from idse.vtm.marking import Place, comment_of, holds_marker
from idse.vtm.tree import version_matches

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LIST = "insertions.toml"
_NATIVE = "native:"
SOURCES = (".cpp", ".h", ".def", "CMakeLists.txt")  # `patcher` looks for markers in these files


@dataclass(frozen=True)
class Copy:
    """A source file of idse that is copied into the tree at `target`, for `versions` (None means all)."""

    target: str
    content: bytes
    versions: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Insertion:
    """Text to insert beside an anchor.

    Attributes:
        name: Name in messages and in the line of the marker.
        file: File relative to the tree's root.
        anchor: Text within one line of the unpatched file.
        count: Number of times that the anchor must be found in it.
        place: Side of the anchor.
        text: The inserted text, with line feeds as line ends.
        occurrences: The anchors that get the text, counted from 0; None for all.
        versions: The versions of VTM that get it; None for all.
    """

    name: str
    file: str
    anchor: bytes
    count: int
    place: Place
    text: bytes
    occurrences: tuple[int, ...] | None = None
    versions: tuple[str, ...] | None = None


@dataclass(frozen=True)
class PatchList:
    """The whole patch.

    Attributes:
        supported: Versions of VTM that the patch supports.
        copies: Files to add.
        insertions: Text to insert.
        digest: SHA-256 over the list and all the sources it names.
    """

    supported: tuple[str, ...]
    copies: tuple[Copy, ...]
    insertions: tuple[Insertion, ...]
    digest: str

    def copies_for(self, version: str) -> dict[str, bytes]:
        """Return the contents of the copied files by target."""
        return {c.target: c.content for c in self.copies if _applies(c.versions, version)}

    def insertions_for(self, version: str) -> dict[str, list[Insertion]]:
        """Return the insertions by file, in the order of the list."""
        found: dict[str, list[Insertion]] = {}
        for insertion in self.insertions:
            if _applies(insertion.versions, version):
                found.setdefault(insertion.file, []).append(insertion)
        return found


def load_patch_list(folder: Path | None = None, native: Path | None = None) -> PatchList:
    """Read a patch.

    Args:
        folder: Folder of `insertions.toml` and the overlay; by default idse's own, in its checkout or installation.
        native: Folder that "native:" stands for; by default idse's `cpp/vvc`.

    Raises:
        IdseError: The list has an error, or a file that it names is missing.
    """
    if folder is None or native is None:
        own_folder, own_native = _own_data()
        folder, native = folder or own_folder, native or own_native
    path = folder / LIST
    data = _read(path, path)
    digest = hashlib.sha256(data)
    try:
        parsed = tomllib.loads(data.decode("utf-8"))
        _check_keys(parsed, {"supported"}, {"copy", "insertion"})
        supported = _versions(parsed["supported"])
        copies = []
        for entry in _tables(parsed, "copy"):
            _check_keys(entry, {"source", "target"}, {"versions"})
            content = _read(_source_path(entry["source"], folder, native), path)
            digest.update(f"\0{entry['target']}\0{len(content)}\0".encode() + content)
            copies.append(Copy(_inside(entry["target"]), content, _versions(entry.get("versions"))))
        insertions = [_insertion(entry) for entry in _tables(parsed, "insertion")]
        _check_whole(copies, insertions)
    except (ValueError, TypeError) as error:  # also the exceptions of tomllib
        if isinstance(error, IdseError):
            raise
        raise IdseError(f"{path}: {error}") from None
    return PatchList(supported or (), tuple(copies), tuple(insertions), digest.hexdigest())


def _own_data() -> tuple[Path, Path]:
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "vtm_patch" / LIST).is_file() and (checkout / "cpp" / "vvc").is_dir():
        return checkout / "vtm_patch", checkout / "cpp" / "vvc"
    data = Path(__file__).resolve().parent / "data"
    if not (data / "vtm_patch" / LIST).is_file():
        raise IdseError(f"the patch for VTM is missing in this installation ({data}); install idse again")
    return data / "vtm_patch", data / "native"


def _read(path: Path, listed_in: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        named = "" if path == listed_in else f", which {listed_in} names"
        raise IdseError(f"{path}{named}: cannot be read ({error.strerror})") from None


def _source_path(source: str, folder: Path, native: Path) -> Path:
    base, name = (native, source[len(_NATIVE) :]) if source.startswith(_NATIVE) else (folder, source)
    _relative(name)
    return base / name


def _insertion(entry: dict[str, Any]) -> Insertion:
    _check_keys(entry, {"name", "file", "anchor", "count", "place", "text"}, {"versions", "occurrences"})
    name, count, occurrences = entry["name"], entry["count"], entry.get("occurrences")
    what = f"insertion {name!r}"
    anchor, text = entry["anchor"].encode(), entry["text"].encode()
    if not name.isprintable() or not name:
        raise ValueError(f"{what}: the name must be one line of printable text")
    if not anchor.strip() or b"\n" in anchor or b"\r" in anchor:
        raise ValueError(f"{what}: the anchor must be text within one line")
    if type(count) is not int or count < 1:
        raise ValueError(f"{what}: count {count} must be a whole number from 1")
    if entry["place"] not in {p.value for p in Place}:
        raise ValueError(f"{what}: place must be one of {', '.join(p.value for p in Place)}")
    place = Place(entry["place"])
    if b"\r" in text or not text.strip() or holds_marker(text) or holds_marker(anchor + name.encode()):
        raise ValueError(
            f"{what}: text must not be empty and hold neither idse's markers nor carriage returns"
        )
    if not place.own_lines and b"//" in text.rstrip(b"\n").rsplit(b"\n", 1)[-1]:
        raise ValueError(f"{what}: a // in its last line would hide what follows; write /* */")
    if not place.own_lines and comment_of(entry["file"]) != b"//":
        raise ValueError(f"{what}: only line-before and line-after are possible in {entry['file']}")
    if occurrences is not None and (
        not occurrences
        or len(set(occurrences)) != len(occurrences)
        or any(type(o) is not int or not 0 <= o < count for o in occurrences)
    ):
        raise ValueError(f"{what}: occurrences must be different numbers from 0 to {count - 1}")
    return Insertion(
        name,
        _inside(entry["file"]),
        anchor,
        count,
        place,
        text,
        None if occurrences is None else tuple(occurrences),
        _versions(entry.get("versions")),
    )


def _check_whole(copies: list[Copy], insertions: list[Insertion]) -> None:
    edited = {i.file for i in insertions}
    for copy in copies:
        if copy.target in edited:
            raise ValueError(f"{copy.target} is both copied and edited")
    for first, copy in enumerate(copies):
        for other in copies[first + 1 :]:
            if other.target == copy.target and (copy.versions is None or other.versions is None):
                raise ValueError(f"{copy.target} is copied twice")


def _check_keys(entry: dict[str, Any], required: set[str], optional: set[str]) -> None:
    known = required | optional
    who = entry.get("name", entry.get("target"))
    title = f" in {who!r}" if isinstance(who, str) else ""
    if missing := sorted(required - entry.keys()):
        raise ValueError(f"{', '.join(missing)} missing{title}")
    if unknown := sorted(entry.keys() - known):
        raise ValueError(f"{', '.join(unknown)} unknown{title}: known are {', '.join(sorted(known))}")
    for key in known & {"name", "file", "anchor", "place", "text", "source", "target"} & entry.keys():
        if not isinstance(entry[key], str):
            raise ValueError(f"{key}{title} must be text")


def _tables(parsed: dict[str, Any], key: str) -> list[dict[str, Any]]:
    tables = parsed.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise ValueError(f"{key} must be written as [[{key}]]")
    return tables


def _versions(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(v, str) and v for v in value):
        raise ValueError('versions must look like ["8.2", "23"]')
    return tuple(value)


def _inside(path: str) -> str:
    _relative(path)
    if not path.startswith("source/") or not path.endswith(SOURCES):
        raise ValueError(f"{path}: only {', '.join(SOURCES)} files under source/ can be edited or added")
    return path


def _relative(path: str) -> None:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or str(pure) != path:
        raise ValueError(f"{path}: must be a plain relative path with /")


def _applies(versions: tuple[str, ...] | None, version: str) -> bool:
    return versions is None or version_matches(version, versions)
