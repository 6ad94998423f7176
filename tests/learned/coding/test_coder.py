"""Streams of pictures: the same bytes and samples in any process, and errors instead of crashes."""

from __future__ import annotations

import hashlib
import struct
import zlib

import numpy as np
import pytest

pytest.importorskip("compressai", reason="learned codecs need compressai")

import torch

from idse.engines.verify import compare
from idse.errors import IdseError
from idse.learned.coding.coder import decode_stream, deterministic, encode_frames, samples_crc
from idse.learned.coding.stream import pack, unpack
from idse.media.frame import Frame

SYSTEMS = ("scale-hyperprior", "icm", "joint-autoregressive")

IN_A_PROCESS = """
import hashlib, sys
from pathlib import Path
import numpy as np
from idse.learned.coding.coder import decode_stream, encode_frames
from idse.learned.coding.codec_file import TrainedCodec
from idse.media.frame import Frame

codec = TrainedCodec.load(sys.argv[1])
for name in sys.argv[2:]:
    stream = Path(name)
    frames = decode_stream(stream.read_bytes(), codec)
    digest = hashlib.sha256(b"".join(p.tobytes() for f in frames for p in f.planes)).hexdigest()
    rgb = np.load(stream.with_suffix(".npy"))
    again = encode_frames(codec, 0, [Frame.from_rgb(rgb)]).data == stream.read_bytes()
    print(digest, again)
"""


def of_part(photograph, height, width, **options):
    return Frame.from_rgb(np.ascontiguousarray(photograph[:height, :width]), **options)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_fresh_process_makes_the_same_bytes_and_samples(
    untrained_codec, photograph, tmp_path, fork, system
):
    """With another number of threads; odd sizes and sizes below the padding too."""
    codec = untrained_codec(system)
    codec.save(tmp_path / "a.idsec")
    wanted, names = [], []
    for height, width in ((300, 451), (1, 1), (65, 63)):
        rgb = np.ascontiguousarray(photograph[100 : 100 + height, :width] if height < 300 else photograph)
        coded = encode_frames(codec, 0, [Frame.from_rgb(rgb)])
        path = tmp_path / f"{height}.idsl"
        path.write_bytes(coded.data)
        np.save(path.with_suffix(".npy"), rgb)
        planes = coded.frames[0].recon.planes
        wanted.append((hashlib.sha256(b"".join(p.tobytes() for p in planes)).hexdigest(), "True"))
        names.append(str(path))
    for threads in (1, 4):
        done = fork(IN_A_PROCESS, tmp_path / "a.idsec", *names, threads=threads).wait()
        assert done.status == 0, done.err
        assert [tuple(line.split()) for line in done.out.splitlines()] == wanted


@pytest.mark.parametrize("system", SYSTEMS)
def test_threads_of_this_process_change_nothing(untrained_codec, photograph, system):
    codec, frame = untrained_codec(system), of_part(photograph, 130, 200)
    threads = torch.get_num_threads()
    made = set()
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            coded = encode_frames(codec, 0, [frame])
            made.add((coded.data, samples_crc(coded.frames[0].recon)))
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    assert len(made) == 1


def test_deterministic_restores_all_settings():
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.is_grad_enabled()
    with pytest.raises(KeyError), deterministic():
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.is_grad_enabled()
        raise KeyError
    assert before == (
        torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.is_grad_enabled()
    )  # fmt: skip


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_kind_of_frame(untrained_codec, photograph, system):
    """Depths, chroma formats, matrices and ranges; the reconstruction is 8 bit and otherwise as the source."""
    codec = untrained_codec(system)
    for options in (
        {"bit_depth": 10},
        {"chroma_format": "400"},
        {"matrix": "bt709", "full_range": False},
        {"bit_depth": 12, "chroma_format": "400", "matrix": "bt709"},
    ):
        frames = [of_part(photograph, 70, 81, **options), of_part(photograph, 70, 81, **options)]
        coded = encode_frames(codec, 1, frames, checksums=True)
        recon = [f.recon for f in coded.frames]
        compare(decode_stream(coded.data, codec), recon)
        for frame, decoded in zip(frames, recon, strict=True):
            assert decoded.bit_depth == 8
            assert (decoded.chroma_format, decoded.matrix, decoded.full_range) == (
                frame.chroma_format, frame.matrix, frame.full_range
            )  # fmt: skip
        header, strings = unpack(coded.data)
        assert header.checksums == tuple(samples_crc(r) for r in recon)
        assert [len(s) for s in strings] == [2, 2]


def test_the_picture_depends_on_what_is_coded(untrained_codec, photograph):
    """Points and sources differ, so that all the equalities above say something."""
    codec = untrained_codec()
    one, two = (
        of_part(photograph, 100, 100),
        Frame.from_rgb(np.ascontiguousarray(photograph[150:250, 150:250])),
    )
    crcs = {samples_crc(encode_frames(codec, p, [f]).frames[0].recon) for p in (0, 1) for f in (one, two)}
    assert len(crcs) == 4


def test_progress_and_stream_figures(untrained_codec, photograph):
    codec, frame = untrained_codec("icm"), of_part(photograph, 64, 64)
    seen: list[float] = []
    coded = encode_frames(codec, 0, [frame] * 4, progress=seen.append)
    assert seen == [0.25, 0.5, 0.75, 1]
    assert all(f.estimated_bits > 0 and f.cpu_seconds > 0 and f.seconds > 0 for f in coded.frames)
    alone = encode_frames(codec, 0, [frame])
    assert alone.frames[0].strings == coded.frames[3].strings


def test_streams_of_others_are_told(untrained_codec, photograph):
    frame = of_part(photograph, 64, 64)
    stream = encode_frames(untrained_codec(seed=5), 0, [frame]).data
    with pytest.raises(IdseError, match=r"^s: not made by codec 'icm': give the codec file"):
        decode_stream(stream, untrained_codec("icm"), "s")
    with pytest.raises(IdseError, match="damaged"):
        decode_stream(stream[:-9] + b"\0" + stream[-8:], untrained_codec(seed=5))


def test_a_decoder_that_computes_otherwise_is_told(untrained_codec, photograph):
    """What another processor's sums would do: the checksum in the stream is of other samples."""
    codec = untrained_codec()
    coded = encode_frames(codec, 0, [of_part(photograph, 64, 64)], checksums=True)
    at = coded.data.index(struct.pack("<I", samples_crc(coded.frames[0].recon)))
    body = coded.data[:at] + b"\0\0\0\0" + coded.data[at + 4 : -4]
    with pytest.raises(IdseError, match="frame 0 decodes to other samples than in the encoder"):
        decode_stream(body + struct.pack("<I", zlib.crc32(body)), codec)


@pytest.mark.parametrize("system", SYSTEMS)
def test_garbage_never_ends_the_process(untrained_codec, photograph, tmp_path, fork, system):
    """Strings that no encoder made, under a right checksum: an error or a wrong picture, in a process that lives."""
    codec = untrained_codec(system)
    header, (strings,) = unpack(encode_frames(codec, 0, [of_part(photograph, 130, 190)]).data)
    random = np.random.default_rng(0)
    made = [
        [b"", b""],
        [b"\xff" * 3, b"\xff"],
        [b"\xff" * len(strings[0]), b"\xff" * len(strings[1])],
        [bytes(len(strings[0])), bytes(len(strings[1]))],
        [strings[0][: len(strings[0]) // 2], strings[1]],
        [strings[1], strings[0]],
        *([random.bytes(len(s)) for s in strings] for _ in range(6)),
        strings[:1],
        [*strings, b"more"],
    ]
    codec.save(tmp_path / "a.idsec")
    for i, payload in enumerate(made):
        (tmp_path / f"{i}.idsl").write_bytes(pack(header, [payload]))
    code = (
        "import sys\nfrom pathlib import Path\nfrom idse.errors import IdseError\n"
        "from idse.learned.coding.codec_file import TrainedCodec\n"
        "from idse.learned.coding.coder import decode_stream\n"
        "codec = TrainedCodec.load(sys.argv[1] + '/a.idsec')\n"
        "for i in range(int(sys.argv[2])):\n"
        "    try:\n        decode_stream(Path(sys.argv[1], f'{i}.idsl').read_bytes(), codec)\n"
        "    except IdseError as error:\n        print('error', error)\n"
        "    else:\n        print('picture')\n"
    )
    done = fork(code, tmp_path, len(made)).wait()
    assert done.status == 0, done.err
    assert len(done.out.splitlines()) == len(made)
    assert done.out.splitlines()[-1].startswith("error")


def test_pictures_too_large_are_refused(untrained_codec):
    codec = untrained_codec()
    wide = Frame((np.zeros((1, 65536), np.uint8),), 8, "400")
    with pytest.raises(IdseError, match="a picture of 65536x1: learned codecs support"):
        encode_frames(codec, 0, [wide])
