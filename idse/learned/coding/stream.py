"""The container of a learned codec's stream: a header, the strings of the entropy coder, a checksum.

    4   "IDSL"
    1   version (high 4 bits) and strings per frame (low 4 bits)
    1   flags: 1 4:2:0 (else 4:0:0), 2 BT.709 (else BT.601), 4 full range, 8 checksums of the frames,
        high 4 bits: bit depth - 8
    v   width, height, frames (v: a varint, 7 bits a byte, least significant first, the top bit set on all but the last)
    4   the decoder's id, little-endian
    v   length of each string, frame by frame
    4   per frame, if the flag is set: CRC-32 of its decoded samples, little-endian
    *   the strings
    4   CRC-32 of all before it, little-endian

If a stream has more than 1 Mi luma samples, its strings have at least one byte per 4096 of them (`pack` adds padding).

The overhead is about 23 bytes for a picture of two strings and counts in its rate. The entropy decoder does not check
its input, so it is called only if the CRC is correct. This module does not need torch.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from idse.errors import IdseError
from idse.media.frame import ChromaFormat, Matrix

MAGIC = b"IDSL"
VERSION = 1
LARGEST_SIDE = (1 << 16) - 1
LARGEST_PICTURE = 1 << 28
"""Limit of luma samples per picture. A decoder needs about 450 bytes of memory per sample (128 channels)."""
MOST_FRAMES = 1 << 20
FREE_SAMPLES = 1 << 20
"""Luma samples that a stream of any length may have."""
SAMPLES_A_BYTE = 1 << 12
"""Luma samples per byte that a stream may have if it has more than `FREE_SAMPLES` of them."""

_CHROMA_420, _BT709, _FULL_RANGE, _CHECKSUMS = 1, 2, 4, 8


@dataclass(frozen=True)
class Header:
    """The header: all that a decoder needs besides the strings.

    Attributes:
        width: Luma samples per row, 1..65535.
        height: Luma rows, 1..65535; `width * height` is at most 2**28.
        frames: Number of pictures in the stream, at least 1.
        bit_depth: Bit depth of the decoded samples, 8..16.
        chroma_format: "420" or "400".
        matrix: "bt601" or "bt709".
        full_range: Whether the decoded samples have full range.
        decoder_id: The id of the decoder that it needs (`codec_file.decoder_id`), 32 bits.
        checksums: CRC-32 of each frame's decoded samples (`samples_crc`); empty: the stream contains none.
    """

    width: int
    height: int
    frames: int
    bit_depth: int
    chroma_format: ChromaFormat
    matrix: Matrix
    full_range: bool
    decoder_id: int
    checksums: tuple[int, ...] = ()


def check_size(width: int, height: int, frames: int) -> None:
    """Raise an `IdseError` for pictures that a stream cannot hold."""
    if not 1 <= width <= LARGEST_SIDE or not 1 <= height <= LARGEST_SIDE or width * height > LARGEST_PICTURE:
        raise IdseError(
            f"a picture of {width}x{height}: learned codecs support sides up to {LARGEST_SIDE} and "
            f"{LARGEST_PICTURE >> 20} Mi samples; crop it or scale it down"
        )
    if not 1 <= frames <= MOST_FRAMES:
        raise IdseError(f"{frames} frames: a learned codec's stream holds 1..{MOST_FRAMES}")


def pack(header: Header, payloads: Sequence[Sequence[bytes]]) -> bytes:
    """Make the bytes of a stream.

    If a stream has more than `FREE_SAMPLES`, each frame has at least one byte per `SAMPLES_A_BYTE` samples: if its
    strings are shorter, zeros are added after the last one, which the entropy decoder does not read. So the memory that
    a decoder needs is limited by the length of the stream.

    Args:
        header: Header of the stream.
        payloads: The strings of each frame: 0..15 strings, the same number for every frame.

    Raises:
        IdseError: The pictures are too large for the format.
    """
    check_size(header.width, header.height, header.frames)
    counts = {len(strings) for strings in payloads}
    if len(payloads) != header.frames or len(counts) != 1 or max(counts) > 15:
        raise ValueError(f"{len(payloads)} payloads of {sorted(counts)} strings for {header.frames} frames")
    if header.checksums and len(header.checksums) != header.frames:
        raise ValueError(f"{len(header.checksums)} checksums for {header.frames} frames")
    samples = header.width * header.height
    if samples * header.frames > FREE_SAMPLES:
        payloads = [_filled(strings, -(-samples // SAMPLES_A_BYTE)) for strings in payloads]
    flags = (
        (_CHROMA_420 if header.chroma_format == "420" else 0)
        | (_BT709 if header.matrix == "bt709" else 0)
        | (_FULL_RANGE if header.full_range else 0)
        | (_CHECKSUMS if header.checksums else 0)
        | (header.bit_depth - 8) << 4
    )
    strings = [string for payload in payloads for string in payload]
    head = b"".join([
        MAGIC,
        bytes([VERSION << 4 | counts.pop(), flags]),
        *(_varint(v) for v in (header.width, header.height, header.frames)),
        struct.pack("<I", header.decoder_id),
        *(_varint(len(string)) for string in strings),
        *(struct.pack("<I", crc) for crc in header.checksums),
    ])  # fmt: skip
    body = head + b"".join(strings)
    return body + struct.pack("<I", zlib.crc32(body))


def unpack(data: bytes, name: str = "stream") -> tuple[Header, list[list[bytes]]]:
    """Read the header and the strings of a stream, and check that it is complete and unchanged.

    Args:
        data: The whole stream.
        name: Name of the stream for messages.

    Raises:
        IdseError: Not a stream of a learned codec, or one that has another version, is cut short, or was changed.
    """
    if len(data) < len(MAGIC) or not data.startswith(MAGIC):
        raise IdseError(f"{name}: not a learned codec's stream (it does not start with {MAGIC.decode()})")
    if len(data) > len(MAGIC) and (version := data[4] >> 4) != VERSION:
        raise IdseError(
            f"{name}: a learned codec's stream of version {version}, this idse reads version {VERSION}: "
            "use the idse version that wrote it"
        )
    damaged = IdseError(f"{name}: the stream is damaged (its checksum is wrong): copy it or encode it again")
    cut = IdseError(f"{name}: the stream is cut short: copy it or encode it again")
    try:
        header, lengths, at = _head(data)
    except IndexError:
        raise cut from None
    except ValueError:
        raise damaged from None
    samples = header.width * header.height * header.frames
    if samples > max(FREE_SAMPLES, SAMPLES_A_BYTE * len(data)):
        raise IdseError(
            f"{name}: {header.frames} frame(s) of {header.width}x{header.height} in {len(data)} bytes: "
            f"a stream has at most {SAMPLES_A_BYTE} samples per byte; it is damaged or not valid"
        )
    end = at + sum(lengths)
    if end + 4 > len(data):
        # Changed lengths and missing bytes look the same; only a correct checksum at the end tells them apart.
        raise damaged if _ends_right(data) else cut
    if not _ends_right(data):
        raise damaged
    if end + 4 < len(data):
        raise damaged
    strings = []
    for length in lengths:
        strings.append(data[at : at + length])
        at += length
    each = len(lengths) // header.frames
    return header, [strings[i * each : (i + 1) * each] for i in range(header.frames)]


def _filled(strings: Sequence[bytes], least: int) -> list[bytes]:
    """The strings of a frame, with zeros after the last one if they have fewer than `least` bytes in total."""
    if not strings:
        raise ValueError("a frame without strings")
    lacking = least - sum(map(len, strings))
    return [*strings[:-1], strings[-1] + bytes(max(lacking, 0))]


def is_learned(data: bytes) -> bool:
    """Whether the bytes begin like a learned codec's stream."""
    return data.startswith(MAGIC)


def _head(data: bytes) -> tuple[Header, list[int], int]:
    """The header, the lengths of the strings, and the position of the first string.

    Raises:
        IndexError: The data is too short.
        ValueError: A value is invalid.
    """
    each, flags = data[4] & 15, data[5]
    at = 6
    width, at = _read_varint(data, at)
    height, at = _read_varint(data, at)
    frames, at = _read_varint(data, at)
    try:
        check_size(width, height, frames)
    except IdseError as error:
        raise ValueError(str(error)) from None
    (decoder,), at = _words(data, at, 1)
    lengths = []
    for _ in range(frames * each):
        length, at = _read_varint(data, at)
        lengths.append(length)
    checksums, at = _words(data, at, frames if flags & _CHECKSUMS else 0)
    header = Header(
        width=width,
        height=height,
        frames=frames,
        bit_depth=8 + (flags >> 4),
        chroma_format="420" if flags & _CHROMA_420 else "400",
        matrix="bt709" if flags & _BT709 else "bt601",
        full_range=bool(flags & _FULL_RANGE),
        decoder_id=decoder,
        checksums=checksums,
    )
    if header.bit_depth > 16:
        raise ValueError("bit depth")
    return header, lengths, at


def _ends_right(data: bytes) -> bool:
    return len(data) > 10 and struct.unpack_from("<I", data, len(data) - 4)[0] == zlib.crc32(data[:-4])


def _words(data: bytes, at: int, count: int) -> tuple[tuple[int, ...], int]:
    end = at + 4 * count
    if end > len(data):
        raise IndexError
    return struct.unpack_from(f"<{count}I", data, at), end


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 35, 7):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("varint")
