import hashlib
import re

import numpy as np
import pytest

from idse.errors import IdseError
from idse.media.frame import Frame
from idse.media.io import read_frames
from idse.media.vvc_stream import Sps, StreamInfo, check_md5, parse_stream

# 70x50, 10 bit: made by shared/reference/min_stream.py OUT 70 50 10 {1|0} 7 1 1 3 25,9
TINY = {
    "420": bytes.fromhex(
        "000000010079000d0243800000920e7521880e9b87a0180304200100000001008100004907226030a200000001"
        "0041c40180d129f9c07e736bb228784eba26f2755eefc14856cb6718c48aa9ac0341ee"
    ),
    "400": bytes.fromhex(
        "00000001007900050243800000920e7739880e9f00300608001000000001008100004907226030a20000000100"
        "41c40180dbd3376c231ce5172cece0424d32af6c9205e1249cb432fc910ce0"
    ),
}


def sei(digests: list[bytes]) -> bytes:
    """A suffix SEI with an MD5 per plane (clause D.5)."""
    payload = bytes([0, 0]) + b"".join(digests)
    body = bytes([132, len(payload)]) + payload + b"\x80"
    escaped = re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", body)
    return b"\0\0\0\1\0\xc1" + escaped


def digests(frame: Frame) -> list[bytes]:
    return [hashlib.md5(p.astype("<u2").tobytes()).digest() for p in frame.planes]


@pytest.mark.parametrize(("chroma", "planes"), [("420", 3), ("400", 1)])
def test_tiny_stream(tmp_path, chroma, planes):
    path = tmp_path / "tiny.266"
    path.write_bytes(TINY[chroma])
    info = parse_stream(path.read_bytes())
    assert info.sps == Sps("Main 10", "Main", "4.1", chroma, 10, 128, 70, 50, 72, 56, (0, 2, 0, 6))
    assert [kind for kind, _ in info.nals] == ["SPS", "PPS", "IDR_N_LP"]
    assert sum(size for _, size in info.nals) == info.size == len(TINY[chroma])
    assert info.frames == 1
    frame = read_frames(path)[0]
    assert (frame.width, frame.height, frame.bit_depth, len(frame.planes)) == (70, 50, 10, planes)


def test_several_pictures(tmp_path):
    path = tmp_path / "two.266"
    path.write_bytes(TINY["420"] * 2)
    assert parse_stream(path.read_bytes()).frames == 2
    assert len(read_frames(path)) == 2


def test_md5_of_the_uncropped_picture_is_checked(tmp_path):
    path = tmp_path / "hashed.266"
    wrong = sei([bytes(range(16))] * 3)
    path.write_bytes(TINY["420"] + wrong)
    assert parse_stream(path.read_bytes()).md5s == {0: [bytes(range(16))] * 3}
    with pytest.raises(IdseError, match="picture 0 is not what was coded"):
        read_frames(path)


def test_md5_comparison():
    frame = Frame((np.arange(64, dtype=np.uint16).reshape(8, 8),), 10, "400")
    info = StreamInfo(None, 0, 1, [], {0: digests(frame)}, True)
    assert check_md5(info, [frame]) == 1
    assert check_md5(StreamInfo(None, 0, 1, [], {0: [bytes(16)]}, False), [frame]) == 0
    with pytest.raises(IdseError):
        check_md5(info, [Frame((frame.planes[0] + 1,), 10, "400")])


@pytest.mark.parametrize(
    "data",
    [b"", b"no stream at all", TINY["420"][:30], b"\0\0\1", b"\0\0\1\0", b"\0\0\1\0\x79\0"],
)
def test_damage_is_told(tmp_path, data):
    path = tmp_path / "x.266"
    path.write_bytes(data)
    with pytest.raises(IdseError, match=r"x\.266"):
        read_frames(path)


def test_parser_tells_damage():
    for data in (b"", b"no stream", b"\0\0\1", b"\0\0\1\0", TINY["420"][:14]):
        with pytest.raises(IdseError, match="stream: "):
            parse_stream(data)
