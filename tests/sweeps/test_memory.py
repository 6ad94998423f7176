"""What a job keeps in memory: few results of large pictures, and no decoded frames while detectors look."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

from idse.engines import engine_class
from idse.sweeps.job import do_job
from idse.sweeps.plan import read_plan
from idse.sweeps.preparation import prepare
from idse.sweeps.resources import Recent, Resources
from idse.sweeps.store import Store


def test_large_results_are_not_kept() -> None:
    made = list[int]()

    def make(n: int) -> int:
        made.append(n)
        return n

    recent = Recent(make, lambda n: n, most=3, limit=10)
    assert [recent(n) for n in (1, 2, 3, 1, 2, 3)] == [1, 2, 3, 1, 2, 3]
    assert made == [1, 2, 3]
    assert [recent(n) for n in (4, 2)] == [4, 2]  # 1 was the oldest of more than three
    assert made == [1, 2, 3, 4]
    assert [recent(n) for n in (50, 50, 2)] == [50, 50, 2]  # a large one is kept alone, and for the next call
    assert made == [1, 2, 3, 4, 50, 2]
    assert [recent(n) for n in (2, 50)] == [2, 50]
    assert made == [1, 2, 3, 4, 50, 2, 50]


class Seen(Exception):
    """A detector was asked to look."""


def test_frames_are_freed_before_detectors_look(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = read_plan(folder / "plan.toml")
    with Store(folder / "s.sqlite") as store:
        job = dataclasses.replace(prepare(plan, store).jobs[0], observers=(0,))
    native, planes = engine_class("native"), list[Any]()
    encode, decode, resources = native.encode, native.decode, Resources(plan)

    def encoding(self: Any, *arguments: Any) -> Any:
        stream = encode(self, *arguments)
        planes.extend(weakref.ref(plane) for frame in stream.recon for plane in frame.planes)
        return stream

    def decoding(self: Any, *arguments: Any) -> Any:
        frames = decode(self, *arguments)
        planes.extend(weakref.ref(plane) for frame in frames for plane in frame.planes)
        return frames

    class Detector:
        def observe(self, rgb: Any) -> Any:
            gc.collect()
            assert len(rgb) == 1
            assert len(planes) == 6
            assert not [ref for ref in planes if ref() is not None]
            raise Seen

    monkeypatch.setattr(native, "encode", encoding)
    monkeypatch.setattr(native, "decode", decoding)
    monkeypatch.setattr(resources, "observer", lambda *_: Detector())
    with pytest.raises(Seen):
        do_job(job, resources)
