"""Changes to inputs that break parsers: flipped bits, lengths at their extremes, cuts and splices."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 63, (1 << 64) - 1)
_FLOATS = (float("nan"), float("inf"), -1.0, 3e38, 1e-45)
_WORDS = (
    b"\0\0\1", b"\0\0\3", b"\xff\xff\xff\xff\x0f", b"[" * 5000, b'{"a":' * 3000, b"9" * 5000, b"9" * 25, b"99999",
    b"4294967296", b"NaN", b"1e999", b"null", b"-1", b"[]", b"{}", b'"x"', b"0x0", b"99999x99999", b" ", b"\n",
    b"\xc3\xa4",
)  # fmt: skip


def mutate(rng: random.Random, seeds: Sequence[bytes], largest: int = 1 << 21) -> bytes:
    """One of the seeds with one to four changes."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        _change(rng, data, seeds)
    return bytes(data[:largest])


def _change(rng: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    # Headers lie at the beginning: half of the changes go there.
    at = rng.randrange(min(64, len(data) + 1)) if rng.random() < 0.5 else rng.randrange(len(data) + 1)
    kind = rng.randrange(9)
    if kind == 0 and at < len(data):
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 1 and at < len(data):
        data[at] = rng.randrange(256)
    elif kind == 2:
        del data[at:]
    elif kind == 3:
        del data[at : at + rng.randrange(1, 32)]
    elif kind == 4:
        data[at:at] = rng.choice(_WORDS)
    elif kind == 5:
        word = rng.choice(_WORDS)
        data[at : at + len(word)] = word
    elif kind == 6:
        size = rng.choice((1, 2, 4, 8))
        number = rng.choice(_NUMBERS) & (1 << 8 * size) - 1
        data[at : at + size] = number.to_bytes(size, rng.choice(("little", "big")))
    elif kind == 7:
        data[at : at + 4] = struct.pack("<f", rng.choice(_FLOATS))
    else:
        other = rng.choice(seeds)
        start = rng.randrange(len(other) + 1)
        data[at : at + rng.randrange(64)] = other[start : start + rng.randrange(1, 64)]
