"""The configurations that come with idse can be read, fit together, and say what they claim."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("compressai", reason="learned codecs need compressai")

from idse.learned.models import build_codec
from idse.learned.training.config import read_config
from idse.learned.training.schedule import LeSchedule

FOLDER = Path(__file__).parents[3] / "configs" / "learned"
FILES = sorted(FOLDER.rglob("*.toml"))
IDS = ["/".join(p.relative_to(FOLDER).with_suffix("").parts) for p in FILES]


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_can_be_read(path: Path) -> None:
    config = read_config(path)
    assert config.name == path.stem  # runs/NAME is where others look for it
    if config.init is not None:  # it begins with the codec of one beside it, at points that this has
        before = read_config(path.with_name(f"{config.init.parent.name}.toml"))
        assert config.init.name == "codec.idsec"
        assert config.init.resolve().parent == FOLDER.parents[1] / "runs" / before.name
        assert before.model.system == config.model.system
        assert (before.model.channels, before.model.latent) == (config.model.channels, config.model.latent)
        points = {config.schedule.init_point(epoch) for epoch in range(config.schedule.epochs)}
        assert points - {None} <= set(range(before.selection.points))
    # Every checkpoint that is to be a point of the codec is written: one at each phase's end.
    assert config.selection.first < config.schedule.epochs
    schedule = config.schedule
    starts = [
        e for e in range(1, schedule.epochs) if schedule.init_point(e) is not None or schedule.gain(e) != 1
    ]
    assert all(epoch % config.selection.every == 0 for epoch in starts)


@pytest.mark.parametrize("name", ["full/le2020-fasterrcnn", "full/le2020-maskrcnn"])
def test_le_as_published(name: str) -> None:
    config = read_config(FOLDER / f"{name}.toml")
    assert config.schedule == LeSchedule((50, 75, 120, 165), 220)
    assert (config.optimizer.lr, config.data.batch, config.data.crop) == (1e-5, 1, 0)
    assert config.selection.every == 1
    codec = build_codec(config.model)
    assert sum(p.numel() for p in codec.parameters()) == pytest.approx(1.5e6, rel=0.05)
    assert (codec.latent_stride, config.model.latent) == (8, 6)


def test_every_set_up_of_the_authors_is_there() -> None:
    trained = {
        path.parent.name: {
            tuple(part for part in read_config(p).setup.train if part != "gain")
            for p in FILES
            if p.parent == path.parent
        }
        for path in FILES
    }
    codec = ("encoder", "decoder", "entropy")
    assert {codec, ("task",), (*codec, "task"), ("encoder",), ("mask",)} <= trained["small"]
    assert {codec, ("task",), (*codec, "task"), ("encoder",), ("mask",), (*codec, "mask")} <= trained["full"]
