"""Parser of VVC byte streams: NAL units, the first part of the SPS, picture hashes (H.266 clause 7)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from idse.errors import IdseError
from idse.media.frame import Frame

NAL_NAMES = {
    0: "TRAIL", 1: "STSA", 2: "RADL", 3: "RASL", 7: "IDR_W_RADL", 8: "IDR_N_LP", 9: "CRA", 10: "GDR",
    12: "OPI", 13: "DCI", 14: "VPS", 15: "SPS", 16: "PPS", 17: "PREFIX_APS", 18: "SUFFIX_APS", 19: "PH",
    20: "AUD", 21: "EOS", 22: "EOB", 23: "PREFIX_SEI", 24: "SUFFIX_SEI", 25: "FD",
}  # fmt: skip
_SLICES = range(11)
_IDR = (7, 8)
_SPS, _PICTURE_HEADER, _SUFFIX_SEI = 15, 19, 24
_PICTURE_HASH = 132  # payloadType of the decoded picture hash
_LARGEST_SIDE = (1 << 16) - 1
_PROFILES = {
    1: "Main 10", 65: "Main 10 Still Picture", 17: "Multilayer Main 10", 33: "Main 10 4:4:4",
    97: "Main 10 4:4:4 Still Picture", 2: "Main 12", 10: "Main 12 Intra", 66: "Main 12 Still Picture",
}  # fmt: skip


@dataclass(frozen=True)
class Sps:
    """The first part of a sequence parameter set.

    Attributes:
        width: Luma samples per row, inside the conformance window.
        height: Luma rows inside the conformance window.
        coded_width: Luma samples per row of the whole coded picture.
        coded_height: Luma rows of the whole coded picture.
        window: Luma samples that the conformance window removes: left, right, top, bottom.
        level: "4.1".
    """

    profile: str
    tier: str
    level: str
    chroma_format: str
    bit_depth: int
    ctu_size: int
    width: int
    height: int
    coded_width: int
    coded_height: int
    window: tuple[int, int, int, int]


@dataclass(frozen=True)
class StreamInfo:
    """Structure of a stream.

    Attributes:
        sps: The first SPS.
        size: Number of bytes of the whole stream.
        frames: Number of coded pictures.
        nals: Name of the type and number of bytes, with the start code, of each NAL unit in the stream's order.
        md5s: For each picture with an MD5 SEI: its number, and a digest per plane.
        all_idr: Whether every picture is an IDR, so that decoding order is output order.
    """

    sps: Sps
    size: int
    frames: int
    nals: list[tuple[str, int]]
    md5s: dict[int, list[bytes]] = field(default_factory=dict)
    all_idr: bool = False

    def bytes_by_type(self) -> dict[str, tuple[int, int]]:
        """For each NAL unit type: number of units, and number of bytes."""
        count: Counter[str] = Counter()
        size: Counter[str] = Counter()
        for name, length in self.nals:
            count[name] += 1
            size[name] += length
        return {name: (count[name], size[name]) for name in count}


def parse_stream(data: bytes, name: str = "stream") -> StreamInfo:
    """Read an Annex B stream.

    Raises:
        IdseError: Not such a stream, a damaged one, or one without an SPS.
    """
    sps: Sps | None = None
    frames = 0
    nals: list[tuple[str, int]] = []
    md5s: dict[int, list[bytes]] = {}
    all_idr = True
    try:
        for unit, length in _split(data):
            kind = unit[1] >> 3
            nals.append((NAL_NAMES.get(kind, f"type {kind}"), length))
            all_idr &= kind in _IDR or kind not in _SLICES
            if kind == _SPS and sps is None:
                sps = _parse_sps(_Bits(_unescape(unit[2:])))
            elif kind == _PICTURE_HEADER or (
                kind in _SLICES and unit[2] & 0x80
            ):  # sh_picture_header_in_slice_header_flag
                frames += 1
            elif kind == _SUFFIX_SEI and frames:
                for payload_type, payload in _sei_messages(_unescape(unit[2:])):
                    if payload_type == _PICTURE_HASH and payload[0] == 0:
                        md5s[frames - 1] = [payload[i : i + 16] for i in range(2, len(payload), 16)]
    except IndexError:
        raise IdseError(f"{name}: not a VVC stream, or damaged (a NAL unit ends too early)") from None
    except IdseError as error:
        raise IdseError(f"{name}: {error}") from None
    if sps is None:
        raise IdseError(f"{name}: not a VVC stream (it has no sequence parameter set)")
    return StreamInfo(sps, len(data), frames, nals, md5s, all_idr)


def check_md5(info: StreamInfo, coded_frames: Sequence[Frame]) -> int:
    """Compare decoded pictures, not cropped to the conformance window, with the stream's MD5 SEI.

    Returns:
        Number of pictures that were compared; 0 unless every picture is an IDR.

    Raises:
        IdseError: A picture differs.
    """
    compared = 0
    for number, frame in enumerate(coded_frames):
        if not info.all_idr or number not in info.md5s:
            continue
        compared += 1
        dtype = "u1" if frame.bit_depth == 8 else "<u2"
        digests = [
            hashlib.md5(np.ascontiguousarray(plane, dtype).tobytes()).digest() for plane in frame.planes
        ]
        if digests != info.md5s[number][: len(digests)]:
            raise IdseError(
                f"picture {number} differs from the encoder's picture (MD5 mismatch): the stream is damaged"
            )
    return compared


def crop(frame: Frame, sps: Sps) -> Frame:
    """Crop a picture to the conformance window.

    Raises:
        IdseError: The picture does not have the size in the SPS.
    """
    if (frame.width, frame.height) != (sps.coded_width, sps.coded_height):
        raise IdseError(
            f"a picture of {frame.width}x{frame.height}, the first SPS says {sps.coded_width}x{sps.coded_height}: "
            "several picture sizes are not supported, or the stream is damaged"
        )
    left, right, top, bottom = sps.window
    planes = []
    for i, plane in enumerate(frame.planes):
        s = 1 if i == 0 else 2
        rows, columns = plane.shape
        planes.append(plane[top // s : rows - bottom // s, left // s : columns - right // s])
    return Frame(tuple(planes), frame.bit_depth, frame.chroma_format, frame.matrix, frame.full_range)


class _Bits:
    """Reads an RBSP bit by bit, the most significant bit first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def u(self, bits: int) -> int:
        value = 0
        for _ in range(bits):
            value = value << 1 | (self._data[self.at >> 3] >> (7 - (self.at & 7)) & 1)
            self.at += 1
        return value

    def ue(self) -> int:
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:  # clause 9.2: values end at 2**32 - 2
                raise IdseError("not a VVC stream, or damaged (an Exp-Golomb code is too long)")
        return (1 << zeros) - 1 + self.u(zeros)

    def align(self) -> None:
        self.at = (self.at + 7) // 8 * 8


def _split(data: bytes) -> Iterator[tuple[bytes, int]]:
    """NAL units without start codes, and their numbers of bytes with start codes."""
    at = data.find(b"\0\0\1")
    while at >= 0:
        following = data.find(b"\0\0\1", at + 3)
        end = len(data) if following < 0 else following
        unit = data[at + 3 : end].rstrip(b"\0")
        yield unit, len(unit) + (4 if at > 0 and data[at - 1] == 0 else 3)
        at = following


def _unescape(data: bytes) -> bytes:
    return data.replace(b"\0\0\3", b"\0\0")


def _parse_sps(bits: _Bits) -> Sps:
    bits.u(8)  # sps_seq_parameter_set_id, sps_video_parameter_set_id
    sublayers = bits.u(3) + 1
    chroma = bits.u(2)
    ctu = 32 << bits.u(2)
    if sublayers > 7 or ctu > 128:
        raise _impossible("reserved values")
    if not bits.u(1):
        raise IdseError("the stream's first SPS belongs to a dependent layer: this is not supported")
    profile, tier, level = bits.u(7), bits.u(1), bits.u(8)
    bits.u(2)  # ptl_frame_only_constraint_flag, ptl_multilayer_enabled_flag
    if bits.u(1):  # gci_present_flag
        bits.u(71)
        bits.u(bits.u(8))
    bits.align()
    present = [bits.u(1) for _ in range(sublayers - 1)]
    bits.align()
    bits.u(8 * sum(present))
    bits.u(32 * bits.u(8))  # sub-profiles
    bits.u(1)  # sps_gdr_enabled_flag
    if bits.u(1):  # sps_ref_pic_resampling_enabled_flag
        bits.u(1)
    width, height = bits.ue(), bits.ue()
    if not (1 <= width <= _LARGEST_SIDE and 1 <= height <= _LARGEST_SIDE) or width % 8 or height % 8:
        raise _impossible(f"pictures of {width}x{height}")
    unit = (2 if chroma in (1, 2) else 1, 2 if chroma == 1 else 1)
    window = (0, 0, 0, 0)
    if bits.u(1):
        left, right, top, bottom = (bits.ue() for _ in range(4))
        window = left * unit[0], right * unit[0], top * unit[1], bottom * unit[1]
        if window[0] + window[1] >= width or window[2] + window[3] >= height:
            raise _impossible(f"a conformance window that leaves nothing of {width}x{height}")
    if bits.u(1):
        raise IdseError("the stream has subpictures: they are not supported")
    depth = bits.ue() + 8
    if depth > 16:
        raise _impossible(f"samples of {depth} bit")
    return Sps(
        profile=_PROFILES.get(profile, f"profile {profile}"),
        tier="High" if tier else "Main",
        level=f"{level // 16}.{level % 16 // 3}",
        chroma_format=("400", "420", "422", "444")[chroma],
        bit_depth=depth,
        ctu_size=ctu,
        width=width - window[0] - window[1],
        height=height - window[2] - window[3],
        coded_width=width,
        coded_height=height,
        window=window,
    )


def _impossible(what: str) -> IdseError:
    return IdseError(f"not a VVC stream, or damaged (its SPS says {what})")


def _sei_messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 2 < len(data):  # the trailing bits are one byte
        numbers = []
        for _ in range(2):  # payload_type_byte, payload_size_byte
            number = 0
            while data[at] == 255:
                number += 255
                at += 1
            numbers.append(number + data[at])
            at += 1
        yield numbers[0], data[at : at + numbers[1]]
        at += numbers[1]
