"""Maps of two passes in a sweep: one for every band of QPs, not for every QP."""

from __future__ import annotations

from pathlib import Path

import pytest

from idse.engines import EncodeSettings
from idse.engines.first_pass import band_qp
from idse.importance.settings import ImportanceSettings
from idse.media.io import read_frames
from idse.sweeps.plan import parse_plan
from idse.sweeps.resources import Resources

PLAN = """
qp = [37]
[dataset]
kind = "folder"
images = "pictures"
[[codecs]]
name = "native"
"""


def test_maps_are_made_once_a_band(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import idse.sweeps.maps

    coded: list[int] = []
    real = idse.sweeps.maps.decoded_frames

    def counted(frames, settings):  # type: ignore[no-untyped-def]
        coded.append(settings.target.qp)
        return real(frames, settings)

    monkeypatch.setattr(idse.sweeps.maps, "decoded_frames", counted)
    maps = Resources(parse_plan(PLAN, folder)).maps
    frames = read_frames(folder / "pictures" / "0.png")
    importance = ImportanceSettings(target="features", passes=2, at="decoded")

    def made(qp: int, chosen: ImportanceSettings = importance):  # type: ignore[no-untyped-def]
        settings = EncodeSettings(qp=qp)
        return maps.make(maps.place("item", 100, chosen, settings), frames, chosen, settings)

    qps = (35, 37, 39, 40, 42, 47)
    found = {qp: made(qp) for qp in qps}
    assert coded == [35, 40, 47]
    assert found[35] is found[37] is found[39]
    assert found[40] is found[42]
    assert {band_qp(qp) for qp in qps} == {37, 42, 47}
    assert made(37, ImportanceSettings(target="features", passes=2)) is not found[37]
    assert coded == [35, 40, 47, 37]  # only the last first passes are kept
    once = ImportanceSettings(target="features")
    assert made(37, once) is made(47, once)
