"""The coded size as a setting."""

from __future__ import annotations

import pytest
from judges import coarse, fine, judge

from idse.engines import EncodeSettings, engine_class
from idse.errors import IdseError
from idse.importance.maker import ImportanceSettings
from idse.media.frame import Frame
from idse.sizing.scale import Scale

NONE = ImportanceSettings(method="none")
NATIVE = engine_class("native")


@pytest.mark.parametrize("text", ["4", "101", "0", "-50", "half", "", "50%", "5e1", "٥٠", "9" * 20])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(IdseError, match=r"must be auto, or per cent, 5\.\.100"):
        Scale.parse(text, NATIVE, NONE)


def test_auto_needs_a_detector_and_vvc() -> None:
    for method in ("none", "activity", "roi"):
        with pytest.raises(IdseError, match=f"importance {method} has none"):
            Scale.parse("auto", NATIVE, ImportanceSettings(method=method))
    with pytest.raises(IdseError, match="the x265 engine: give a number"):
        Scale.parse("auto", engine_class("x265"), NONE)
    assert Scale.parse("auto", engine_class("vtm"), ImportanceSettings()).percent is None


def test_a_target_counts_samples_of_the_source(small_frame: Frame) -> None:
    """128x96 at 0.5 bits a sample are 768 bytes, at any size."""
    sized = Scale.parse("50", NATIVE, NONE)([small_frame] * 2, EncodeSettings(target_bpp=0.5))
    assert (sized.coded_size, sized.source_size, len(sized.frames)) == ((64, 48), (128, 96), 2)
    assert (sized.settings.target.target_bytes, sized.settings.target.target_bpp) == (768, None)
    assert sized.figures(bytes(1536))["bpp"] == 0.5
    assert sized.words() == "64x48 (50 % of 128x96)"
    assert sized.record()["scale"]["coded_size"] == [64, 48]
    for settings in (EncodeSettings(qp=40), EncodeSettings(target_bytes=900)):
        assert Scale.parse("50", NATIVE, NONE)([small_frame], settings).settings == settings


def test_the_full_size_changes_nothing(small_frame: Frame) -> None:
    settings = EncodeSettings(target_bpp=0.5)
    sized = Scale.parse("100", NATIVE, NONE)([small_frame], settings)
    assert sized.frames[0] is small_frame
    assert sized.settings is settings
    assert (sized.record(), sized.words()) == ({}, "")


def test_auto(striped: Frame, monkeypatch: pytest.MonkeyPatch) -> None:
    scale = Scale.parse("auto", NATIVE, ImportanceSettings())
    monkeypatch.setattr(scale._distance, "of", judge(fine))
    sized = scale([striped], EncodeSettings(qp=22))
    assert (sized.scale, sized.settings.target.qp) == (100, 22)
    assert sized.words() == "192x128 (100 % of 192x128)"
    monkeypatch.setattr(scale._distance, "of", judge(coarse))
    sized = scale([striped], EncodeSettings(qp=40))
    assert (sized.scale, sized.coded_size) == (50, (96, 64))
    assert sized.settings.target.qp < 40
    choice = sized.record()["scale"]["choice"]
    assert [t["scale"] for t in choice["trials"]] == [100, 85, 70, 50]
    sized = scale([striped], EncodeSettings(target_bpp=0.5))
    assert (sized.scale, sized.settings.target.target_bytes, sized.settings.target.target_bpp) == (50, 1536, None)
