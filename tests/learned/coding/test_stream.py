"""The container: what goes in comes out, and nothing else is taken for a stream."""

from __future__ import annotations

import dataclasses
import struct
import subprocess
import sys
import zlib

import pytest

from idse.errors import IdseError
from idse.learned.coding.stream import SAMPLES_A_BYTE, Header, is_learned, pack, unpack

HEADER = Header(640, 427, 1, 8, "420", "bt601", True, 0xDEADBEEF)
STRINGS = [[bytes(range(200)) * 15, b"side information" * 10]]


def resealed(data: bytes) -> bytes:
    """With the checksum of what it holds now."""
    return data[:-4] + struct.pack("<I", zlib.crc32(data[:-4]))


@pytest.mark.parametrize(
    ("header", "payloads"),
    [
        (HEADER, STRINGS),
        (Header(1, 1, 1, 8, "400", "bt709", False, 0), [[b"", b""]]),
        (Header(65535, 4096, 1, 16, "420", "bt709", False, 2**32 - 1), [[b"x" * 70000]]),
        (Header(64, 64, 3, 10, "420", "bt601", True, 7, (1, 0, 2**32 - 1)), [[b"a", b"bc"], [b"", b"d"], [b"e", b""]]),
        (Header(64, 64, 2, 8, "420", "bt601", True, 7), [[], []]),
    ],
)  # fmt: skip
def test_round_trip(header, payloads):
    data = pack(header, payloads)
    assert is_learned(data)
    assert unpack(data) == (header, payloads)


def test_a_picture_costs_23_bytes_around_its_strings():
    assert len(pack(HEADER, STRINGS)) - sum(map(len, STRINGS[0])) == 23


def test_every_cut_is_told():
    data = pack(HEADER, STRINGS)
    for length in range(4, len(data)):
        with pytest.raises(IdseError, match=r"^x\.idsl: the stream is cut short"):
            unpack(data[:length], "x.idsl")
    for length in range(4):
        with pytest.raises(IdseError, match="not a learned codec's stream"):
            unpack(data[:length])


def test_every_changed_byte_is_told():
    data = pack(HEADER, STRINGS)
    for at in range(len(data)):
        for bits in (1, 0x80, 0xFF):
            changed = bytearray(data)
            changed[at] ^= bits
            with pytest.raises(IdseError):
                unpack(bytes(changed))
    middle = bytearray(data)
    middle[1000] ^= 4
    with pytest.raises(IdseError, match="the stream is damaged"):
        unpack(bytes(middle))


def test_bytes_after_the_end_are_told():
    with pytest.raises(IdseError, match="damaged"):
        unpack(pack(HEADER, STRINGS) + b"\0")


def test_foreign_files_and_other_versions_are_told():
    for data in (b"", b"\0\0\0\1\x09", b"PK\3\4" + bytes(100), b"IDSEW001" + bytes(100)):
        with pytest.raises(IdseError, match="not a learned codec's stream"):
            unpack(data)
    later = bytearray(pack(HEADER, STRINGS))
    later[4] = 2 << 4 | later[4] & 15
    with pytest.raises(IdseError, match="of version 2, this idse reads version 1"):
        unpack(resealed(bytes(later)))


def test_sealed_nonsense_is_told():
    """A right checksum over a header that nothing writes."""
    head = b"IDSL" + bytes([1 << 4 | 2, 5])
    for rest in (
        b"\0\1\1" + bytes(7),  # no width
        b"\xff\xff\xff\xff\x0f\1\1" + bytes(7),  # too wide
        b"\xff\xff\3\xff\xff\3\1" + bytes(7),  # too many samples
        b"\xff" * 12,  # no varint
        b"\1\1\xff\xff\xff\xff\x0f" + bytes(7),  # frames beyond any memory
        b"\1\1\1" + bytes(4) + b"\xff\xff\xff\xff\x0f\0",  # strings longer than the file
    ):
        with pytest.raises(IdseError, match=r"damaged|cut short"):
            unpack(resealed(head + rest + bytes(4)))
    deep = bytearray(pack(HEADER, STRINGS))
    deep[5] |= 0xF0
    with pytest.raises(IdseError, match="damaged"):
        unpack(resealed(bytes(deep)))


def test_few_bytes_promise_few_samples():
    """What a decoder must allocate follows from the stream's length; the encoder keeps the promise."""
    large = dataclasses.replace(HEADER, width=16384, height=16384)
    data = pack(large, [[b"flat", b"z"]])
    assert len(data) == (1 << 28) // SAMPLES_A_BYTE + 25
    header, ((y, z),) = unpack(data)
    assert (header, y, z.rstrip(b"\0")) == (large, b"flat", b"z")
    head, _, rest = pack(HEADER, [[bytes(500), b""]]).partition(b"\x80\x05\xab\3")
    made_up = resealed(head + b"\x80\x80\1\x80\x80\1" + rest)
    with pytest.raises(
        IdseError, match=r"^x: 1 frame\(s\) of 16384x16384 in 5\d\d bytes: a stream has at most"
    ):
        unpack(made_up, "x")
    many = dataclasses.replace(HEADER, width=64, height=64, frames=4000)
    data = pack(many, [[b""]] * 4000)
    assert [len(strings[0]) for strings in unpack(data)[1]] == [1] * 4000
    small = dataclasses.replace(many, frames=100)
    assert unpack(pack(small, [[b""]] * 100)) == (small, [[b""]] * 100)


@pytest.mark.parametrize(("width", "height"), [(65536, 1), (1, 65536), (65535, 65535), (0, 5)])
def test_pictures_too_large_are_refused(width, height):
    with pytest.raises(IdseError, match="learned codecs support"):
        pack(dataclasses.replace(HEADER, width=width, height=height), STRINGS)


def test_needs_no_torch():
    """`idse info` says what a stream holds in an instant."""
    code = "import sys, idse.learned.coding.stream; sys.exit('torch' in sys.modules or 'compressai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
