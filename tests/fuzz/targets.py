"""Our parsers of files from elsewhere, each as a function of bytes that may raise nothing but an `IdseError`."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import hashlib
import io
import json
import os
import re
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from idse.errors import IdseError
from idse.importance.profile import MeanProfile, lowpass
from idse.importance.weight_map import WeightMap
from idse.learned.coding.stream import Header, pack, unpack
from idse.media import raw
from idse.media.frame import Frame
from idse.media.io import parse_frames, read_frames
from idse.media.vvc_stream import parse_stream
from idse.media.y4m import write_frames


@dataclasses.dataclass(frozen=True)
class Target:
    """A parser.

    Attributes:
        seeds: Makes small inputs that it takes.
        parse: Takes any bytes.
        share: Of the time, against the others'.
        seconds: That one input may take (much more than it does: machines are shared).
        memory: MiB that Python and NumPy may take for one input.
    """

    seeds: Callable[[], list[bytes]]
    parse: Callable[[bytes], Any]
    share: float = 1
    seconds: float = 5
    memory: int = 64


@functools.cache
def scratch() -> Path:
    """A folder of this process, in memory where there is one."""
    folder = tempfile.mkdtemp(prefix="idse-fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _file(data: bytes, suffix: str) -> Path:
    path = scratch() / f"input{suffix}"
    path.write_bytes(data)
    return path


def _weight_maps() -> list[bytes]:
    rng = np.random.default_rng(0)
    found = []
    for planes, unit, tiles, meta in ((1, 3, False, {}), (3, 4, True, {"seed": 1, "a": [1.5, None]})):
        shape = 2, planes, -(-20 >> unit), -(-36 >> unit)
        factors = rng.normal(size=(2, 3, 5, 1, 64)).astype(np.float32) if tiles else None
        made = WeightMap(36, 20, unit, rng.random(shape, np.float32) + 0.1, factors, meta)
        made.save(scratch() / "seed.idsew")
        found.append((scratch() / "seed.idsew").read_bytes())
    return found


def _learned_streams() -> list[bytes]:
    header = Header(40, 24, 1, 8, "420", "bt601", True, 0xDEADBEEF)
    two = dataclasses.replace(header, frames=2, checksums=(1, 2), chroma_format="400")
    return [pack(header, [[bytes(range(60)), b"z" * 9]]), pack(two, [[b"abc", b"d"], [b"", b"ef"]])]


def _sealed(data: bytes) -> bytes:
    """With a right checksum at its end, so that more than that is looked at."""
    return data[:-4] + struct.pack("<I", zlib.crc32(data[:-4]))


def _learned_stream(data: bytes) -> None:
    for form in (data, _sealed(data)):
        try:
            unpack(form)
        except IdseError:
            continue


@functools.cache
def _codec() -> Any:
    """A codec of random weights, as small as the kind allows, with its file."""
    import torch

    from idse.learned.coding.codec_file import TrainedCodec, make_point
    from idse.learned.models import ModelSettings, build_codec

    settings = ModelSettings("scale-hyperprior", channels=4, latent=6)
    torch.manual_seed(0)
    model = build_codec(settings)
    codec = TrainedCodec("a", settings, [make_point(model, "p", 1, {"bpp": 1.0})])
    codec.save(scratch() / "seed.idsec")
    return codec


def _codec_files() -> list[bytes]:
    _codec()
    return [(scratch() / "seed.idsec").read_bytes()]


def _codec_file(data: bytes) -> None:
    from idse.learned.coding.codec_file import TrainedCodec

    codec = TrainedCodec.load(_file(data, ".idsec"))
    codec.model(0)


def _codec_words() -> list[bytes]:
    import torch

    _codec()
    return [torch.load(scratch() / "seed.idsec", weights_only=True)["about"].encode()]


def _codec_words_file(data: bytes) -> None:
    """A codec's file with other words in it, and the digest that fits them."""
    import torch

    from idse.learned.coding.codec_file import TrainedCodec
    from idse.learned.models import ModelSettings

    _codec()
    held = torch.load(scratch() / "seed.idsec", weights_only=True)
    text = data.decode("utf-8", "replace")
    try:
        about = json.loads(text)
        settings = ModelSettings.from_dict(about["settings"])
        about["digest"] = dataclasses.replace(_codec(), settings=settings).digest
        text = json.dumps(about)
    except (ValueError, TypeError, LookupError, RecursionError):
        pass
    torch.save(held | {"about": text}, scratch() / "words.idsec")
    TrainedCodec.load(scratch() / "words.idsec").model(0)


def _coded() -> list[bytes]:
    from idse.learned.coding.coder import encode_frames

    picture = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    return [encode_frames(_codec(), 0, [Frame.from_rgb(picture)], checksums=c).data for c in (False, True)]


def _decode(data: bytes) -> None:
    from idse.learned.coding.coder import decode_stream

    data = _sealed(data)
    header, _ = unpack(data)
    if header.width * header.height * header.frames <= 1 << 14:  # others take time as they should
        decode_stream(data, _codec())


_VVC = bytes.fromhex(
    "000000010079000d0243800000920e7521880e9b87a0180304200100000001008100004907226030a200000001"
    "0041c40180d129f9c07e736bb228784eba26f2755eefc14856cb6718c48aa9ac0341ee"
)


def _vvc_streams() -> list[bytes]:
    """70x50, 10 bit; and with the MD5s of its planes."""
    payload = bytes([132, 50, 0, 0]) + b"".join(hashlib.md5(bytes([i])).digest() for i in range(3)) + b"\x80"
    escaped = re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", payload)
    return [_VVC, _VVC + b"\0\0\0\1\0\xc1" + escaped]


def _y4ms() -> list[bytes]:
    frame = Frame((np.zeros((6, 8), np.uint8), *[np.zeros((3, 4), np.uint8)] * 2))
    found = []
    for frames in ([frame] * 2, [frame.with_bit_depth(10)], [Frame(frame.planes[:1], 8, "400")]):
        target = io.BytesIO()
        write_frames(target, frames)
        found.append(target.getvalue())
    return found


def _embedded(data: bytes) -> None:
    from idse.features.embedded import load_embedded

    load_embedded(weights=_file(data, ".npz"))


def _embedded_weights() -> list[bytes]:
    """The smallest that is one."""
    from idse.features.embedded import SensitivityNet, save_weights

    save_weights(scratch() / "seed.npz", SensitivityNet((8, 8, 8, 8, 8), 8), {}, 1.0, 0.5)
    return [(scratch() / "seed.npz").read_bytes()]


def _mean_profiles() -> list[bytes]:
    """Of luma alone, and of all planes."""
    found = []
    for planes in (1, 3):
        MeanProfile(lowpass()[:planes], 2, "a", "both", {"map": {}}).save(scratch() / "seed.json")
        found.append((scratch() / "seed.json").read_bytes())
    return found


def _cached() -> list[bytes]:
    from idse.detectors import cache
    from idse.metrics.detection import Detections

    found = Detections(np.ones((2, 4), np.float32), np.ones(2, np.float32), np.arange(2))
    masks = tuple({"size": [4, 5], "counts": b"012"} for _ in range(2))
    return [cache.pack(found), cache.pack(dataclasses.replace(found, masks=masks))]


def _read_cached(data: bytes) -> None:
    from idse.detectors import cache

    cache.read(_file(data, ".npz"))


class _Named:
    """A path of which only its name and its file's length are looked at."""

    def __init__(self, stem: str, size: int) -> None:
        self.stem, self.st_size = stem, size

    def __str__(self) -> str:
        return self.stem

    def stat(self) -> _Named:
        """Itself."""
        return self


def _raw_name(data: bytes) -> None:
    text = data[1:].decode("utf-8", "replace")
    length = 1 << data[0] % 40 if data else 0
    named: Any = _Named(text, length)
    calls: list[Callable[[], Any]] = [
        functools.partial(raw.guess_format, named, size, depth, chroma)
        for size in (None, (64, 32))
        for depth, chroma in ((None, None), (8, "420"), (10, None))
    ]
    for call in (*calls, lambda: raw.parse_size(text), lambda: parse_frames(text)):
        try:
            call()
        except IdseError:
            continue


def _detections() -> list[bytes]:
    from idse.metrics.detection import Detections
    from idse.sweeps.packing import pack_detections

    found = Detections(np.ones((3, 4), np.float32), np.ones(3, np.float32), np.arange(3))
    masks = tuple({"size": [4, 5], "counts": b"012"} for _ in range(3))
    return [pack_detections([found, found]), pack_detections([dataclasses.replace(found, masks=masks)])]


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, 1 << 20)
    except zlib.error:
        return data


def _unpack_detections(data: bytes) -> None:
    from idse.sweeps.packing import unpack_detections

    for form in (data, zlib.compress(data)):
        try:
            unpack_detections(form)
        except IdseError:
            continue


def _matches() -> list[bytes]:
    from idse.metrics.matching import Matches

    columns = [np.zeros(4, t) for t in (np.float32, np.int16, np.uint16, np.uint16)]
    packed = Matches(*columns, np.ones(3, np.int32)).pack()
    return [packed, packed[:3] + _inflated(packed[3:])]


def _unpack_matches(data: bytes) -> None:
    from idse.metrics.matching import Matches

    for form in (data, data[:3] + zlib.compress(data[3:])):
        try:
            Matches.unpack(form)
        except IdseError:
            continue


def _coco_files() -> list[bytes]:
    document: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "a.png", "width": 12, "height": 10}],
        "categories": [{"id": 2, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 2, "bbox": [2, 3, 4.5, 5], "area": 20.5, "iscrowd": 0},
            {"id": 2, "image_id": 1, "category_id": 2, "bbox": [0, 0, 1, 1], "iscrowd": 1},
        ],
    }
    plain = json.dumps(document).encode()
    shapes = [[[2, 3, 6, 3, 6, 8]], {"size": [10, 12], "counts": [40, 10, 70]}]
    for annotation, shape in zip(document["annotations"], shapes, strict=True):
        annotation["segmentation"] = shape
    return [plain, json.dumps(document).encode()]


def _coco(data: bytes) -> None:
    from PIL import Image

    from idse.datasets import DatasetSettings, open_dataset

    folder = scratch() / "pictures"
    if not folder.is_dir():
        folder.mkdir()
        Image.new("RGB", (12, 10)).save(folder / "a.png")
    for item in open_dataset(DatasetSettings("coco", folder, _file(data, ".json"))).items:
        assert item.truth is not None


TARGETS = {
    "weight_map": Target(_weight_maps, lambda data: WeightMap.load(_file(data, ".idsew"))),
    "learned_stream": Target(_learned_streams, _learned_stream),
    "learned_decode": Target(_coded, _decode),
    "codec_file": Target(_codec_files, _codec_file, share=1.5),
    "codec_words": Target(_codec_words, _codec_words_file, share=1.5),
    "vvc_stream": Target(_vvc_streams, parse_stream),
    "y4m": Target(_y4ms, lambda data: read_frames(_file(data, ".y4m"))),
    "raw_name": Target(
        lambda: [b"\x0ca_64x32_8bit_420", b"\x14Foo-64X32-50fps-10bit-yuv420p10le", b"\0002:7", b"\00064x32"],
        _raw_name,
    ),
    "detections": Target(
        lambda: [form for packed in _detections() for form in (packed, _inflated(packed))], _unpack_detections
    ),
    "matches": Target(_matches, _unpack_matches),
    "mean_profile": Target(_mean_profiles, lambda data: MeanProfile.load(_file(data, ".json"))),
    "embedded": Target(_embedded_weights, _embedded),
    "detection_cache": Target(_cached, _read_cached),
    "coco": Target(_coco_files, _coco),
}
