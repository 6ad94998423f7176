"""The weight map and its file."""

from __future__ import annotations

import struct
import subprocess
import sys

import numpy as np
import pytest

from idse.errors import IdseError
from idse.importance.weight_map import MAGIC, WeightMap


def make(width=20, height=12, frames=2, planes=3, log2_unit=3, tiles=0, meta=None):
    rng = np.random.default_rng(1)
    unit = 1 << log2_unit
    values = rng.random((frames, planes, -(-height // unit), -(-width // unit)), np.float32)
    factors = None
    if tiles:
        factors = rng.normal(size=(frames, -(-height // 8), -(-width // 8), tiles, 64)).astype(np.float32)
    return WeightMap(width, height, log2_unit, values, factors, meta or {})


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("log2_unit", [0, 3, 7])
@pytest.mark.parametrize("tiles", [0, 2])
def test_round_trip(tmp_path, planes, log2_unit, tiles):
    before = make(planes=planes, log2_unit=log2_unit, tiles=tiles, meta={"seed": 3, "name": "ä"})
    before.save(tmp_path / "a.idsew")
    after = WeightMap.load(tmp_path / "a.idsew")
    assert (after.width, after.height, after.log2_unit, after.frames) == (20, 12, log2_unit, 2)
    np.testing.assert_array_equal(after.planes, before.planes)
    assert after.meta == before.meta
    assert (after.tiles is None) == (tiles == 0)
    if tiles:
        np.testing.assert_array_equal(after.tiles, before.tiles)


def test_layout(tmp_path):
    """The bytes of architecture.md: magic, five u32, float32 rasters."""
    item = make()
    item.save(tmp_path / "a")
    data = (tmp_path / "a").read_bytes()
    assert data[:28] == b"IDSEW001" + struct.pack("<5I", 20, 12, 2, 3, 3)
    assert len(data) == 28 + 4 * 2 * 3 * 2 * 3
    np.testing.assert_array_equal(np.frombuffer(data, "<f4", offset=28), item.planes.ravel())


def test_unknown_sections_are_skipped(tmp_path):
    path = tmp_path / "a"
    make(meta={"a": 1}).save(path)
    path.write_bytes(path.read_bytes() + b"NEXT" + struct.pack("<Q", 3) + b"abc")
    assert WeightMap.load(path).meta == {"a": 1}


def _patched(at, fmt, *values):
    def patch(data):
        out = bytearray(data)
        struct.pack_into(fmt, out, at, *values)
        return bytes(out)

    return patch


BAD_FILES = {
    "empty": (lambda d: b"", "no weight map"),
    "magic": (lambda d: b"IDSEW002" + d[8:], "no weight map"),
    "header": (lambda d: d[:20], "truncated inside its header"),
    "truncated": (lambda d: d[:100], "truncated: 100 bytes of"),
    "width 0": (_patched(8, "<I", 0), "not possible"),
    "huge": (_patched(8, "<II", 1 << 31, 1 << 31), "not possible"),
    "wrong size": (_patched(8, "<I", 900), "truncated"),
    "frames 0": (_patched(16, "<I", 0), "must be 1 or more"),
    "frames many": (_patched(16, "<I", 0xFFFFFFFF), "truncated"),
    "unit": (_patched(20, "<I", 8), "not possible"),
    "planes 2": (_patched(24, "<I", 2), "1 or 3"),
    "nan": (_patched(28, "<f", float("nan")), "not finite"),
    "infinite": (_patched(40, "<f", float("inf")), "not finite"),
    "negative": (_patched(28, "<f", -1.0), "negative"),
    "section header": (lambda d: d + b"META", "truncated inside a section's header"),
    "section": (lambda d: d + b"META" + struct.pack("<Q", 9) + b"{}", "truncated inside its section"),
    "meta": (lambda d: d + b"META" + struct.pack("<Q", 2) + b"[]", "not a JSON object"),
    "tiles short": (lambda d: d + b"TILE" + struct.pack("<Q", 2) + b"[]", "contradicts"),
    "tiles size": (
        lambda d: d + b"TILE" + struct.pack("<Q4I", 16, 2, 3, 4, 64),
        "contradicts",
    ),
    "meta nested deep": (
        lambda d: d + b"META" + struct.pack("<Q", 400_000) + b"[" * 200_000 + b"]" * 200_000,
        "not a JSON object",
    ),
    "meta of digits": (
        lambda d: d + b"META" + struct.pack("<Q", 4006) + b'{"a":' + b"9" * 4000 + b"}",
        "not a JSON",
    ),
    "meta of no text": (lambda d: d + b"META" + struct.pack("<Q", 2) + b"\xff\xfe", "not a JSON"),
    "tiles of 2^31": (
        lambda d: d + b"TILE" + struct.pack("<Q4I", 16, 1 << 31, 1 << 31, 1 << 31, 0),
        "contradicts",
    ),
    "tiles none": (lambda d: d + b"TILE" + struct.pack("<Q4I", 16, 2, 3, 0, 64), "contradicts"),
    "tiles nan": (
        lambda d: (
            d + b"TILE" + struct.pack("<Q4I", 16 + 4 * 2 * 6 * 64, 2, 3, 1, 64) + b"\xff" * (4 * 2 * 6 * 64)
        ),
        "not finite",
    ),
    "section beyond": (
        lambda d: d + b"TILE" + struct.pack("<Q", (1 << 64) - 1),
        "truncated inside its section",
    ),
    "tiles shape": (
        lambda d: d + b"TILE" + struct.pack("<Q4I", 16 + 4 * 2 * 64, 1, 1, 1, 64) + bytes(4 * 2 * 64),
        "tiles of shape",
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files(tmp_path, case):
    make().save(tmp_path / "good")
    change, message = BAD_FILES[case]
    path = tmp_path / "bad.idsew"
    path.write_bytes(change((tmp_path / "good").read_bytes()))
    with pytest.raises(IdseError, match=message) as error:
        WeightMap.load(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_missing_and_unwritable(tmp_path):
    with pytest.raises(IdseError, match=r"cannot read the weight map .*No such file"):
        WeightMap.load(tmp_path / "none")
    with pytest.raises(IdseError, match="cannot write the weight map"):
        make().save(tmp_path / "no" / "folder")


def test_bad_values():
    good = make()
    for change, message in [
        ({"width": 64}, "weight map of 3x2 cells: a picture of 64x12 has 8x2"),
        ({"width": 0}, "sides must be"),
        ({"log2_unit": 9}, "unit 2\\^9"),
        ({"planes": good.planes[:, :2]}, "1 or 3"),
        ({"planes": good.planes * 0}, "all zero"),
        ({"planes": -good.planes}, "negative"),
        ({"planes": good.planes * np.nan}, "not finite"),
        ({"tiles": np.zeros((2, 2, 3, 2, 63))}, "tiles of shape"),
        ({"tiles": np.full((2, 2, 3, 2, 64), np.inf)}, "not finite"),
    ]:
        fields = {"width": 20, "height": 12, "log2_unit": 3, "planes": good.planes, **change}
        with pytest.raises(IdseError, match=message):
            WeightMap(**fields)


def test_check_fits_and_select():
    item = make(tiles=1)
    item.check_fits(20, 12, 2)
    with pytest.raises(IdseError, match="for pictures of 20x12, these have 20x14"):
        item.check_fits(20, 14, 2)
    with pytest.raises(IdseError, match=r"has 2 frame\(s\), the input 3"):
        item.check_fits(20, 12, 3)
    one = item.select(1, 2)
    assert one.frames == 1
    np.testing.assert_array_equal(one.planes[0], item.planes[1])
    np.testing.assert_array_equal(one.tiles[0], item.tiles[1])


def test_needs_no_torch():
    code = (
        "import sys, idse.importance.weight_map, idse.importance.estimate, idse.importance.combine, "
        "idse.importance.heatmap, idse.importance.roi, idse.features; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_magic():
    assert MAGIC == b"IDSEW001"
