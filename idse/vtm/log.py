"""Reads what VTM and the overlay print on standard output, line by line during the encode."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from idse.engines.base import Progress

_PICTURE = re.compile(
    r"^\s*POC\s+(\d+)\b.*?([IPB])-SLICE,\s*Q[Pp]\s+(-?\d+)[^)]*\)\s+(\d+)\s+bits(?:\s+\[([^\]]*)\])?"
)
_DECIBEL = re.compile(r"[YUV]\s+(\S+)\s+dB")
_PROGRESS = re.compile(r"^IDSE progress (\d+) (\d+) (\d+)\s*$")
_OFFSETS = re.compile(r"^IDSE chroma QP offset: cb (-?\d+) cr (-?\d+)")
_SHARE = re.compile(r"^IDSE weighted distortion calls: (\d+) of (\d+)")
_UNIFORM = "IDSE weight map is uniform"
_TOTAL_TIME = re.compile(r"^\s*Total Time:\s+([\d.]+)")
_LMCS_OFF = "LMCS off"  # printed by the overlay, before or after VTM's own summary
_LMCS = re.compile(r"\bReshape:(\d)")


@dataclass(frozen=True)
class Picture:
    """VTM's line about one picture.

    Attributes:
        bits: Bits of the picture without SEI.
        psnr: PSNR as printed, in dB, with VTM's own 10-bit peak of 1020.
    """

    poc: int
    kind: str
    qp: int
    bits: int
    psnr: tuple[str, ...]


@dataclass
class Log:
    """Reads VTM's lines and keeps the information that is needed.

    Attributes:
        frames: Number of pictures that will be coded.
        progress: Called with the completed share; `take` passes its exceptions on.
        pictures: The pictures in coding order.
        chroma_offsets: Offsets of Cb and Cr that the overlay printed, for every picture or once.
        weighted: Numbers of weighted and of all distortion calls; None if the overlay did not print them.
        idse: The overlay's own lines without the progress.
        uniform: Whether the overlay found the map uniform and did not use it.
        seconds: Time that VTM measured.
        lmcs: Whether luma mapping was on; None if the log does not tell.
    """

    frames: int
    progress: Progress | None = None
    pictures: list[Picture] = field(default_factory=list)
    chroma_offsets: list[tuple[int, int]] = field(default_factory=list)
    weighted: tuple[int, int] | None = None
    idse: list[str] = field(default_factory=list)
    uniform: bool = False
    seconds: float | None = None
    lmcs: bool | None = None
    _lines: list[str] = field(default_factory=list)
    _share: float = 0.0

    def take(self, line: str) -> None:
        """Read a line, given without its line end."""
        if match := _PROGRESS.match(line):
            self.take_progress(*map(int, match.groups()))
            return
        if line.strip():
            self._lines = [*self._lines[-199:], line]
        if match := _PICTURE.match(line):
            levels = tuple(_DECIBEL.findall(match[5] or ""))
            self.pictures.append(Picture(int(match[1]), match[2], int(match[3]), int(match[4]), levels))
            self._tell(len(self.pictures) / self.frames)
        elif line.startswith("IDSE "):
            self.idse.append(line.strip())
            if match := _OFFSETS.match(line):
                self.chroma_offsets.append((int(match[1]), int(match[2])))
            elif match := _SHARE.match(line):
                self.weighted = int(match[1]), int(match[2])
            elif line.startswith(_UNIFORM):
                self.uniform = True
            if line.rstrip().endswith(_LMCS_OFF):
                self.lmcs = False
        elif match := _TOTAL_TIME.match(line):
            self.seconds = float(match[1])
        elif self.lmcs is None and (match := _LMCS.search(line)):
            self.lmcs = match[1] != "0"

    def take_progress(self, done: int, total: int, _poc: int) -> None:
        """Report that `done` of the picture's `total` CTUs are coded."""
        self._tell((len(self.pictures) + min(1.0, done / max(1, total))) / self.frames)

    def standing(self) -> str:
        """Return the progress as text."""
        return f"{100 * self._share:.0f} % done"

    def complaint(self) -> str:
        """Return the line with VTM's error message; empty if there is none."""
        lines = [line.strip() for line in self._lines]
        for number in reversed(range(len(lines))):
            text = lines[number]
            if text.startswith("what():"):  # an uncaught exception, whose text may begin on the next line
                rest = [text.removeprefix("what():").strip(), *lines[number + 1 :]]
                if said := next(filter(None, rest), ""):
                    return said
            if "error" in text.lower() and not text.startswith("ERROR CONDITION"):
                return text
        return ""

    def last_words(self) -> str:
        """Return VTM's error message or its last line, to end a message with."""
        if complaint := self.complaint():
            return f": {complaint}"
        return f"; its last line: {self._lines[-1].strip()}" if self._lines else ""

    def figures(self) -> dict[str, Any]:
        """Return what the log tells for the provenance of a stream."""
        return {
            "pictures": [
                {"poc": p.poc, "type": p.kind, "qp": p.qp, "bits": p.bits, "psnr": list(p.psnr)}
                for p in self.pictures
            ],
            "seconds": self.seconds,
            "idse": self.idse,
        }

    def _tell(self, share: float) -> None:
        if share > self._share:
            self._share = min(1.0, share)
            if self.progress is not None:
                self.progress(self._share)
