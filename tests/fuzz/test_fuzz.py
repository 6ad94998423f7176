"""Damaged and made-up files in every parser of ours: one line says what is wrong, soon and in little memory.

What a failure names is repeated by `python tests/fuzz/fuzz.py TARGET --index N`; `tests/fuzz/fuzz.py` also runs a
target for as long as one likes, and under libFuzzer where atheris is installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fuzz import check, inputs
from targets import TARGETS

SECONDS = 0.8
_NEEDS = {
    "codec_file": "compressai", "codec_words": "compressai", "learned_decode": "compressai", "matches": "numba",
    "detections": "numba", "coco": "faster_coco_eval",
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_only_idse_errors_come_out(name: str) -> None:
    if name in _NEEDS and importlib.util.find_spec(_NEEDS[name]) is None:
        pytest.skip(f"{name} needs {_NEEDS[name]}")
    target = TARGETS[name]
    for seed in target.seeds():
        target.parse(seed)  # taken as it is
    for index, data in inputs(name, seconds=SECONDS * target.share, most=3000):
        problem = check(name, data)
        assert not problem, f"{name} {index}: {problem}"


def test_the_check_sees_what_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from targets import Target

    from idse.errors import IdseError

    def made(parse, **limits):
        monkeypatch.setitem(TARGETS, "x", Target(lambda: [b"x"], parse, **limits))
        return check("x", b"x")

    def refuse(data):
        raise IdseError("no")

    def refuse_in_two_lines(data):
        raise IdseError("no\nno")

    assert made(lambda data: None) == made(refuse) == ""
    assert "ZeroDivisionError" in made(lambda data: 1 / 0)
    assert "two lines" in made(refuse_in_two_lines)
    assert "MiB" in made(lambda data: bytearray(3 << 20), memory=2)
    assert "seconds" in made(lambda data: None, seconds=0)
