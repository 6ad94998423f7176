"""Inserts marked text into the bytes of a file, and removes marked text again, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple, Protocol

_OPEN, _CLOSE = b"/*idse{*/", b"/*}idse*/"
_OPEN_LINE, _CLOSE_LINE = b"idse{", b"}idse"  # after // or, in CMake's files, #

# A marked line counts as ours even if an editor indented it; it ends with its line end or with the file.
_MARKER = re.compile(
    rb"(?P<open>/\*idse\{\*/)|(?P<close>/\*\}idse\*/)"
    rb"|(?P<open_line>^[ \t]*(?://|#)idse\{[^\n]*(?:\n|\Z))|(?P<close_line>^[ \t]*(?://|#)\}idse[^\n]*(?:\n|\Z))",
    re.MULTILINE,
)


class Place(Enum):
    """The place of an insertion relative to its anchor."""

    BEFORE = "before"
    AFTER = "after"
    LINE_BEFORE = "line-before"
    LINE_AFTER = "line-after"

    @property
    def own_lines(self) -> bool:
        """Whether the insertion consists of separate lines."""
        return self in (Place.LINE_BEFORE, Place.LINE_AFTER)


class Marked(Protocol):
    """The part of an insertion (`insertions.Insertion`) that `insert` needs."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def anchor(self) -> bytes: ...  # noqa: D102
    @property
    def count(self) -> int: ...  # noqa: D102
    @property
    def place(self) -> Place: ...  # noqa: D102
    @property
    def text(self) -> bytes: ...  # noqa: D102
    @property
    def occurrences(self) -> tuple[int, ...] | None: ...  # noqa: D102


class MarkingError(ValueError):
    """Text cannot be inserted or removed; `patcher` adds the file and the version to the message."""


class _Piece(NamedTuple):
    """Marked text and its position; at the same position, lines come first, then the order of the list counts."""

    offset: int
    inline: bool
    order: int
    data: bytes


def holds_marker(data: bytes) -> bool:
    """Return whether `data` has anything that looks like a marker."""
    return b"idse{" in data or b"}idse" in data


def comment_of(file: str) -> bytes:
    """Return the text that begins a comment line in a file of this name."""
    return b"#" if file.endswith("CMakeLists.txt") else b"//"


def insert(pristine: bytes, insertions: Iterable[Marked], comment: bytes = b"//") -> bytes:
    """Apply all insertions to a file without marked text; `comment` begins the lines of the markers.

    Raises:
        MarkingError: Anchors are not found as often as expected (the message names all of them), or text cannot be
            inserted there.
    """
    pieces: list[_Piece] = []
    problems = []
    for order, insertion in enumerate(insertions):
        found = [m.start() for m in re.finditer(re.escape(insertion.anchor), pristine)]
        if len(found) != insertion.count:
            problems.append(
                f"anchor '{insertion.anchor.decode()}' ({insertion.name}) expected {insertion.count} times, "
                f"found {len(found)} times"
            )
            continue
        chosen = range(insertion.count) if insertion.occurrences is None else insertion.occurrences
        pieces += [_piece(pristine, insertion, found[k], order, comment) for k in chosen]
    if problems:
        raise MarkingError("; ".join(problems))
    parts = []
    done = 0
    for piece in sorted(pieces):
        parts += [pristine[done : piece.offset], piece.data]
        done = piece.offset
    result = b"".join([*parts, pristine[done:]])
    if strip(result) != pristine:  # text of the file's own that reads as a marker beside ours
        raise MarkingError(
            "the inserted text could not be removed again: the file holds text like idse's markers"
        )
    return result


def strip(data: bytes) -> bytes:
    """Remove all marked text.

    Raises:
        MarkingError: The markers are not in pairs.
    """
    parts = []
    done = 0
    opened: re.Match[bytes] | None = None
    for marker in _MARKER.finditer(data):
        if marker.lastgroup in ("open", "open_line"):
            if opened is not None:
                raise _unpaired(data, opened)
            opened = marker
            parts.append(data[done : marker.start()])
        else:
            if opened is None or opened.lastgroup != str(marker.lastgroup).replace("close", "open"):
                raise _unpaired(data, opened or marker)
            opened = None
            done = marker.end()
    if opened is not None:
        raise _unpaired(data, opened)
    return b"".join([*parts, data[done:]])


def _unpaired(data: bytes, marker: re.Match[bytes]) -> MarkingError:
    line = data.count(b"\n", 0, marker.start()) + 1
    return MarkingError(
        f"line {line} holds idse's marker '{marker[0].decode(errors='replace').strip()}' without its counterpart"
    )


def _piece(pristine: bytes, insertion: Marked, start: int, order: int, comment: bytes) -> _Piece:
    end = start + len(insertion.anchor)
    line_start = pristine.rfind(b"\n", 0, start) + 1
    newline = pristine.find(b"\n", end)
    eol = _line_end(pristine, newline)
    text = insertion.text.rstrip(b"\n").replace(b"\n", eol)
    if not insertion.place.own_lines:
        at = start if insertion.place is Place.BEFORE else end
        return _Piece(at, True, order, _OPEN + text + _CLOSE)
    if insertion.place is Place.LINE_BEFORE:
        at = line_start
    elif newline < 0:
        raise MarkingError(
            f"{insertion.name}: no line can follow the file's last line, which has no line end"
        )
    else:
        at = newline + 1
    if pristine[max(at - 3, 0) : at].endswith((b"\\\n", b"\\\r\n")):
        raise MarkingError(f"{insertion.name}: no line can go between two that a backslash joins")
    head = comment + _OPEN_LINE + b" " + insertion.name.encode() + eol
    return _Piece(at, False, order, head + text + eol + comment + _CLOSE_LINE + eol)


def _line_end(pristine: bytes, newline: int) -> bytes:
    """Return the line end after the anchor or, on the last line, the one before it."""
    if newline < 0:
        newline = pristine.rfind(b"\n")
    return b"\r\n" if newline > 0 and pristine[newline - 1 : newline] == b"\r" else b"\n"
