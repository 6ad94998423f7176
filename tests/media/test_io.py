import io
import os

import av
import numpy as np
import pytest
from PIL import Image

from idse.errors import IdseError
from idse.media import raw, y4m
from idse.media.files import check_writable, replacing
from idse.media.frame import Frame
from idse.media.io import InputOptions, list_pictures, parse_frames, read_frames, write_frames


def same(a: Frame, b: Frame) -> bool:
    return (a.bit_depth, a.chroma_format) == (b.bit_depth, b.chroma_format) and all(
        np.array_equal(x, y) for x, y in zip(a.planes, b.planes, strict=True)
    )


@pytest.fixture
def frames(small_frame):
    return [small_frame, Frame(tuple(np.ascontiguousarray(p[::-1]) for p in small_frame.planes)), small_frame]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("paris_640x424_8bit_420", (640, 424, 8, "420")),
        ("Foo-1920x1080-50fps-10bit-yuv420p10le", (1920, 1080, 10, "420")),
        ("BQMall_832x480_60_yuv420p12le", (832, 480, 12, "420")),
        ("a_16x8_400_10b", (16, 8, 10, "400")),
        ("clip.64X32.gray10le", (64, 32, 10, "400")),
        ("2x2_64x32_8bit_mono", (2, 2, 8, "400")),
    ],
)
def test_names_tell_the_format(tmp_path, name, expected):
    path = tmp_path / f"{name}.yuv"
    fmt = raw.RawFormat(*expected)
    with path.open("wb") as file:
        file.truncate(2 * fmt.frame_bytes)
    assert raw.guess_format(path) == fmt


def test_options_count_more_than_names_and_a_length_may_tell(tmp_path):
    path = tmp_path / "clip_64x32_10bit.yuv"
    path.write_bytes(bytes(64 * 32 * 3 // 2))
    assert raw.guess_format(path, bit_depth=8) == raw.RawFormat(64, 32, 8, "420")
    plain = path.rename(tmp_path / "input.yuv")
    assert raw.guess_format(plain, size=(64, 32)) == raw.RawFormat(64, 32, 8, "420")


@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize("chroma", ["420", "400"])
@pytest.mark.parametrize("suffix", [".yuv", ".y4m"])
def test_raw_and_y4m_there_and_back(tmp_path, frames, bit_depth, chroma, suffix):
    frames = [f.with_bit_depth(bit_depth) for f in frames]
    frames = [Frame(f.planes[: 1 if chroma == "400" else 3], bit_depth, chroma) for f in frames]
    path = tmp_path / f"clip_128x96_{bit_depth}bit_{chroma}{suffix}"
    write_frames(path, frames)
    read = read_frames(path)
    assert len(read) == 3
    assert all(same(a, b) for a, b in zip(frames, read, strict=True))
    some = read_frames(path, InputOptions(frames=(1, 2)))
    assert len(some) == 1
    assert same(some[0], frames[1])
    assert os.listdir(tmp_path) == [path.name]


def test_raw_is_planar_little_endian(tmp_path, small_frame):
    path = tmp_path / "a.yuv"
    write_frames(path, [small_frame.with_bit_depth(10)])
    data = path.read_bytes()
    first = int(small_frame.planes[0][0, 0]) << 2
    assert data[:2] == bytes([first & 255, first >> 8])
    assert len(data) == 2 * 128 * 96 * 3 // 2


def test_odd_sizes_in_raw_files(tmp_path):
    frame = Frame.from_rgb(np.random.default_rng(1).integers(0, 256, (7, 5, 3), dtype=np.uint8))
    path = tmp_path / "odd_5x7_8bit_420.yuv"
    write_frames(path, [frame])
    assert path.stat().st_size == 35 + 2 * 12
    assert same(read_frames(path)[0], frame)


def test_y4m_as_ffmpeg_reads_it(tmp_path, frames):
    path = tmp_path / "a.y4m"
    write_frames(path, frames)
    with av.open(str(path)) as container:
        decoded = [f.to_ndarray() for f in container.decode(video=0)]
    assert len(decoded) == 3
    assert np.array_equal(decoded[1][:96], frames[1].planes[0])


def test_y4m_range_is_said():
    for full in (True, False):
        target = io.BytesIO()
        target.name = "memory"
        y4m.write_frames(target, [Frame((np.zeros((2, 4), np.uint8),), 8, "400", "bt601", full)])
        target.seek(0)
        assert y4m.read_header(target) == (raw.RawFormat(4, 2, 8, "400"), full)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".tif"])
def test_pictures_become_even_420(tmp_path, photograph, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(photograph).save(path, lossless=True)
    frame = read_frames(path)[0]
    assert (frame.width, frame.height, frame.chroma_format) == (452, 300, "420")
    assert same(frame, Frame.from_rgb(np.pad(photograph, ((0, 0), (0, 1), (0, 0)), mode="edge")))


def test_grey_pictures(tmp_path):
    ramp = np.arange(256, dtype=np.uint8).reshape(8, 32)
    Image.fromarray(ramp).save(tmp_path / "grey.png")
    assert same(read_frames(tmp_path / "grey.png")[0], Frame((ramp,), 8, "400"))
    assert (
        read_frames(tmp_path / "grey.png", InputOptions(chroma="420"))[0].planes[1].tolist()
        == [[128] * 16] * 4
    )
    Image.fromarray(ramp.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    deep = read_frames(tmp_path / "deep.png")[0]
    assert (deep.bit_depth, deep.planes[0].max()) == (10, 1023)


def test_exif_orientation_is_obeyed(tmp_path, photograph):
    picture = Image.fromarray(photograph)
    exif = picture.getexif()
    exif[0x0112] = 6  # lies on its side
    picture.save(tmp_path / "a.jpg", exif=exif)
    frame = read_frames(tmp_path / "a.jpg")[0]
    assert (frame.width, frame.height) == (300, 452)


def test_decoded_depth_goes_back_to_the_same_png(tmp_path, small_frame):
    write_frames(tmp_path / "a.png", [small_frame])
    write_frames(tmp_path / "b.png", [small_frame.with_bit_depth(10)])
    assert np.array_equal(Image.open(tmp_path / "a.png"), Image.open(tmp_path / "b.png"))


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "gray"])
def test_video_through_ffmpeg(tmp_path, frames, pixels):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, pixels
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame.to_rgb(), format="rgb24").reformat(format=pixels)
            for packet in stream.encode(picture):
                container.mux(packet)
        container.mux(stream.encode())
    read = read_frames(path, InputOptions(frames=(0, 2)))
    assert len(read) == 2
    assert read[0].chroma_format == ("400" if pixels == "gray" else "420")
    assert not read[0].full_range
    difference = read[1].to_rgb().astype(int)[..., 1] - frames[1].to_rgb()[..., 1]
    assert np.abs(difference).mean() < (3 if pixels != "gray" else 60)


def test_folders(tmp_path, photograph):
    for name in ("b.png", "a.jpg", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    assert [p.name for p in list_pictures(tmp_path)] == ["a.jpg", "b.png"]


@pytest.mark.parametrize(
    ("text", "expected"), [("5", (0, 5)), ("2:7", (2, 7)), ("2:", (2, None)), (":7", (0, 7))]
)
def test_frames_option(text, expected):
    assert parse_frames(text) == expected


@pytest.mark.parametrize("text", ["", ":", "0", "7:7", "7:2", "-1", "a", "1:2:3"])
def test_frames_option_nonsense(text):
    with pytest.raises(IdseError, match="frames"):
        parse_frames(text)


def test_replacing_leaves_the_old_file_when_something_fails(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    for error in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(error), replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise error
    assert path.read_bytes() == b"old"
    with replacing(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_check_writable(tmp_path):
    check_writable(tmp_path / "a")
    assert not os.listdir(tmp_path)
    with pytest.raises(IdseError, match="does not exist"):
        check_writable(tmp_path / "b" / "a")
    with pytest.raises(IdseError, match="is a folder"):
        check_writable(tmp_path)
