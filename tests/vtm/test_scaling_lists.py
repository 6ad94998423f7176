"""VTM's file of scaling lists, read here as VTM reads it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from idse.engines import Shaping
from idse.vtm.scaling_lists import gains, list_file, matrix

SIDES = {2: ("CHROMAU", "CHROMAV"), **dict.fromkeys((4, 8, 16, 32), ("LUMA", "CHROMAU", "CHROMAV")), 64: ("LUMA",)}


def falling(slopes: tuple[float, ...]) -> np.ndarray:
    steps = np.add.outer(np.arange(8), 1.5 * np.arange(8))
    return np.exp(-np.array(slopes)[:, None, None] * steps).astype(np.float32)


def read(text: str, name: str, count: int) -> list[int]:
    """Find the first line with the name that is not its DC's, and take the numbers behind it."""
    lines = text.splitlines()
    dc = name.endswith("_DC")
    start = next(i for i, line in enumerate(lines) if name in line and (dc or f"{name}_DC" not in line))
    return [int(n) for n in re.findall(r"(\d+),", "\n".join(lines[start + 1 :]))[:count]]


@pytest.mark.parametrize("gamma", [0.25, 0.5, 1.0, 2.0])
def test_every_list_is_16_over_the_gain(gamma):
    shaping = Shaping(gamma=gamma, profile_floor=1 / 1024)
    profiles = falling((0.2, 0.5, 0.9))
    text = list_file(profiles, shaping)
    for side, planes in SIDES.items():
        for plane in planes:
            profile = profiles[("LUMA", "CHROMAU", "CHROMAV").index(plane)].astype(float)
            g = np.sqrt(np.clip((profile / profile[:3, :3].mean()) ** gamma, 1 / 1024, 16))
            size = min(side, 8)
            if side == 4:
                g = (g[::2, ::2] + g[1::2, ::2] + g[::2, 1::2] + g[1::2, 1::2]) / 4
            if side == 2:
                g = (g[1::4, 1::4] + g[2::4, 1::4] + g[1::4, 2::4] + g[2::4, 2::4]) / 4
            expected = np.clip(np.round(16 / g), 1, 255).astype(int).ravel().tolist()
            for mode in ("INTRA", "INTER"):
                name = f"{mode}{side}X{side}_{plane}"
                assert read(text, name, size * size) == expected
                if side > 8:
                    assert read(text, f"{name}_DC", 1) == expected[:1]


def test_one_plane_serves_for_all():
    text = list_file(falling((0.3,)), Shaping())
    assert read(text, "INTRA8X8_CHROMAV", 64) == read(text, "INTER32X32_LUMA", 64)


def test_the_limits():
    steep = falling((3.0,))
    assert gains(steep[0], Shaping(gamma=2, profile_floor=1 / 4096)).min() == 1 / 64
    assert max(read(list_file(steep, Shaping(gamma=2, profile_floor=1 / 4096)), "INTRA8X8_LUMA", 64)) == 255
    assert max(read(list_file(steep, Shaping(profile_floor=0.25)), "INTRA8X8_LUMA", 64)) == 32
    rising = falling((-3.0,))
    assert gains(rising[0], Shaping()).max() == 4
    assert min(read(list_file(rising, Shaping()), "INTRA8X8_LUMA", 64)) == 4
    zeros = np.zeros((1, 8, 8), np.float32)
    zeros[0, 0, 0] = 1
    assert read(list_file(zeros, Shaping(gamma=0.5)), "INTRA8X8_LUMA", 64) == [9, *[255] * 63]


def test_flat_lists_are_none():
    assert list_file(np.full((3, 8, 8), 2.5, np.float32), Shaping()) is None
    assert list_file(falling((0.3,)), Shaping(gamma=0.0)) is None
    assert list_file(np.concatenate([np.ones((2, 8, 8), np.float32), falling((0.5,))]), Shaping()) is not None


def test_the_matrix_is_not_transposed():
    profile = np.ones((8, 8), np.float32)
    profile[:, 4:] = 1 / 16  # horizontal frequencies
    entries = matrix(gains(profile, Shaping(gamma=1)), 8)
    assert entries[0].tolist() == [16] * 4 + [64] * 4
    assert entries[:, 0].tolist() == [16] * 8
