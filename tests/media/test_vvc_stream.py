import hashlib
import re

import numpy as np
import pytest

from idse.errors import IdseError
from idse.media.frame import Frame
from idse.media.io import read_frames
from idse.media.vvc_stream import Sps, StreamInfo, check_md5, crop, parse_stream

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
    with pytest.raises(IdseError, match="picture 0 differs from the encoder's picture"):
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


def ue(value: int) -> str:
    """The bits of an Exp-Golomb code (clause 9.2)."""
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits


def stream_of(
    sizes: str = ue(72) + ue(56),
    window: str = "0",
    depth: str = ue(2),
    sublayers: int = 0,
    ctu: int = 2,
) -> bytes:
    """An SPS alone, of these bits: width and height, conformance window, depth."""
    bits = f"{0:08b}{sublayers:03b}01{ctu:02b}1" + f"{1:07b}0{67:08b}" + "000"
    bits += "0" * (-len(bits) % 8) + "0" * (8 * -(-sublayers // 8)) + "00000000" + "00" + sizes
    bits += window + "0" + depth + "1"
    bits += "0" * (-len(bits) % 8)
    body = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    return b"\0\0\0\1\0\x79" + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", body)


def test_the_made_up_sps_is_one():
    assert parse_stream(stream_of()).sps == Sps(
        "Main 10", "Main", "4.1", "420", 10, 128, 72, 56, 72, 56, (0, 0, 0, 0)
    )
    sps = parse_stream(stream_of(window="1" + ue(1) + ue(3) + ue(0) + ue(2))).sps
    assert (sps.width, sps.height, sps.window) == (64, 52, (2, 6, 0, 4))


@pytest.mark.parametrize(
    ("said", "data"),
    [
        ("an Exp-Golomb code is too long", stream_of(sizes="0" * 40_000 + "1" * 50_000)),
        ("an Exp-Golomb code is too long", stream_of(sizes=ue(72) + "0" * 33 + "1" * 40)),
        ("an Exp-Golomb code is too long", stream_of(window="1" + "0" * 40_000)),
        ("ends too early", stream_of(sizes="0" * 30 + "1")),
        ("pictures of 0x56", stream_of(sizes=ue(0) + ue(56))),
        ("pictures of 72x0", stream_of(sizes=ue(72) + ue(0))),
        ("pictures of 4294967294x56", stream_of(sizes=ue(2**32 - 2) + ue(56))),
        ("pictures of 72x65536", stream_of(sizes=ue(72) + ue(65536))),
        ("pictures of 70x56", stream_of(sizes=ue(70) + ue(56))),
        ("leaves nothing of 72x56", stream_of(window="1" + ue(18) + ue(18) + ue(0) + ue(0))),
        ("leaves nothing of 72x56", stream_of(window="1" + ue(0) + ue(0) + ue(0) + ue(2**32 - 2))),
        ("samples of 17 bit", stream_of(depth=ue(9))),
        ("samples of 4294967302 bit", stream_of(depth=ue(2**32 - 2))),
        ("reserved values", stream_of(sublayers=7)),
        ("reserved values", stream_of(ctu=3)),
        ("ends too early", stream_of()[:12]),
        ("no sequence parameter set", b"\0\0\1\0\x81\xff"),
    ],
)
def test_impossible_parameters_are_told(said, data):
    with pytest.raises(IdseError, match=f"^x: .*{said}"):
        parse_stream(data, "x")


def test_every_cut_is_told_or_read():
    data = TINY["420"] + sei([bytes(range(16))] * 3)
    for length in range(len(data)):
        try:
            assert parse_stream(data[:length]).sps.width == 70
        except IdseError as error:
            assert str(error).startswith("stream: ")


def test_a_hash_belongs_to_a_picture_and_to_all_its_planes():
    assert parse_stream(sei([bytes(16)]) + TINY["420"]).md5s == {}
    frame = Frame((np.zeros((8, 8), np.uint16), *[np.zeros((4, 4), np.uint16)] * 2), 10)
    with pytest.raises(IdseError, match="MD5 mismatch"):
        check_md5(StreamInfo(None, 0, 1, [], {0: digests(frame)[:2]}, True), [frame])


def test_pictures_of_another_size_than_the_parameter_sets(tmp_path):
    sps = parse_stream(TINY["420"]).sps
    frame = Frame((np.zeros((8, 8), np.uint16),), 10, "400")
    with pytest.raises(IdseError, match="a picture of 8x8, the first SPS says 72x56"):
        crop(frame, sps)
