"""Folders of pictures and sequences, and settings that fit no data set."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from idse.datasets import DatasetSettings, open_dataset
from idse.errors import IdseError
from idse.media.frame import Frame
from idse.media.io import write_frames


def frames(count: int) -> list[Frame]:
    grey = np.full((8, 8), 128, np.uint8)
    return [Frame((np.full((16, 16), 10 * i, np.uint8), grey, grey)) for i in range(count)]


def video(path: Path, count: int, codec: str) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, 25)
        for i in range(count):
            picture = av.VideoFrame.from_ndarray(np.full((24, 16), 10 * i, np.uint8), format="yuv420p")
            picture.pts = i
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def test_folder(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "a.png"):
        Image.new("L", (9, 5), 77).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "deeper").mkdir()
    Image.new("L", (9, 5)).save(tmp_path / "deeper/c.png")
    data = open_dataset(DatasetSettings("folder", tmp_path))
    assert [item.name for item in data.items] == ["a.jpg", "a.png", "b"]
    assert data.classes == () and not data.has_masks and data.items[0].truth is None
    (frame,) = data.items[1].read()
    assert (frame.width, frame.height, frame.chroma_format) == (10, 6, "420")
    assert np.unique(frame.planes[0]).tolist() == [77]

    (tmp_path / "c.png").write_bytes(b"no picture")
    with pytest.raises(IdseError, match=r"c\.png: not a picture"):
        open_dataset(DatasetSettings("folder", tmp_path))
    assert len(open_dataset(DatasetSettings("folder", tmp_path, limit=3)).items) == 3
    with pytest.raises(IdseError, match="contains no pictures"):
        empty = tmp_path / "deeper/empty"
        empty.mkdir()
        open_dataset(DatasetSettings("folder", empty))


def test_frames_are_counted_as_they_are_read(tmp_path: Path) -> None:
    write_frames(tmp_path / "raw_16x16_8bit_420.yuv", frames(3))
    write_frames(tmp_path / "y4m.y4m", frames(4))
    video(tmp_path / "counted.mp4", 5, "mpeg4")  # its header has the number
    video(tmp_path / "uncounted.mkv", 6, "ffv1")  # this one's has not
    data = open_dataset(DatasetSettings("sequence", tmp_path))
    counts = {item.name: item.frame_count for item in data.items}
    assert counts == {"counted": 5, "raw_16x16_8bit_420": 3, "uncounted": 6, "y4m": 4}
    assert {item.name: len(item.read()) for item in data.items} == counts

    part = open_dataset(DatasetSettings("sequence", tmp_path, frames=(1, 3)))
    assert [item.frame_count for item in part.items] == [2] * 4
    assert [int(f.planes[0][0, 0]) for f in part.items[1].read()] == [10, 20]
    assert part.identity != data.identity
    with pytest.raises(IdseError, match=r"420\.yuv: has 3 frames, but frames 2:4 are wanted"):
        open_dataset(DatasetSettings("sequence", tmp_path, frames=(2, 4)))


def test_raw_file_without_a_telling_name(tmp_path: Path) -> None:
    path = tmp_path / "clip.yuv"
    write_frames(path, frames(2))
    with pytest.raises(IdseError, match="its name contains no size"):
        open_dataset(DatasetSettings("sequence", path))
    (item,) = open_dataset(
        DatasetSettings("sequence", path, size=(16, 16), bit_depth=8, chroma="420", matrix="bt709")
    ).items
    assert item.frame_count == 2
    assert item.read()[1].matrix == "bt709"


@pytest.mark.parametrize("name", ["cut.y4m", "cut.mp4", "text.mkv"])
def test_damaged_sequences(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "cut.y4m":
        write_frames(path, frames(3))
        path.write_bytes(path.read_bytes()[:-1])
    elif name == "cut.mp4":
        video(path, 5, "mpeg4")
        path.write_bytes(path.read_bytes()[:200])
    else:
        path.write_text("no video at all\n" * 50)
    with pytest.raises(IdseError, match=name.replace(".", r"\.")):
        open_dataset(DatasetSettings("sequence", path))


def test_a_header_that_promises_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    video(path, 5, "mpeg4")
    data = open_dataset(DatasetSettings("sequence", path))
    video(path, 4, "mpeg4")
    with pytest.raises(IdseError, match="4 frames can be read, but its header says 5"):
        data.items[0].read()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "pascal"}, "must be one of coco"),
        ({"kind": "coco"}, "needs annotations"),
        ({"kind": "folder", "annotations": Path("a.json")}, "takes no annotations"),
        ({"kind": "folder", "images": Path("absent")}, "absent: no such folder"),
        ({"kind": "folder", "bit_depth": 10}, "bit_depth is only for"),
        ({"kind": "folder", "frames": (0, 2)}, "frames is only for"),
        ({"kind": "folder", "limit": 0}, "dataset.limit 0: must be a whole number, at least 1"),
        ({"kind": "folder", "only": "a"}, "dataset.only 'a': must be a list of texts"),
        ({"kind": "sequence", "size": "16x16"}, "dataset.size '16x16': must be a list of 2 whole numbers"),
        ({"kind": "sequence", "frames": (3, 3)}, "the first frame"),
        ({"kind": "sequence"}, "holds no sequences"),
    ],
)
def test_settings_that_do_not_fit(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(IdseError, match=message):
        open_dataset(DatasetSettings(**({"images": tmp_path} | values)))
