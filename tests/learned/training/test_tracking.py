"""What a training tells: lines or a bar, means, TensorBoard's events."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
import torch

from idse.learned.training.tracking import Tracker


class Terminal(io.StringIO):
    """Pretends to be one."""

    def isatty(self) -> bool:
        return True


def test_means_of_an_epoch() -> None:
    tracker = Tracker(8, shown=False)
    for step, loss in enumerate((1.0, 2.0, 6.0), 1):
        tracker.step(step, torch.tensor(loss, requires_grad=True), rate=loss / 2, mse=0.5)
    assert tracker.means() == {"loss": 3.0, "rate": 1.5, "mse": 0.5, "task": 0.0}
    tracker.step(4, 10.0, 0.25, 0.125, 7.0)
    assert tracker.means() == {"loss": 10.0, "rate": 0.25, "mse": 0.125, "task": 7.0}


def test_lines_where_there_is_no_terminal() -> None:
    said = io.StringIO()
    with Tracker(4, 2, target=said) as tracker:
        tracker.step(3, 1.0, 0.5, 0.001, 0.25)
        tracker.step(4, 1.0, 0.5, 0.001, 0.25)
        tracker.note("and now")
    first, last, note = said.getvalue().splitlines()
    assert first.startswith("1/2 steps, ")
    assert last.startswith("2/2 steps, ")
    assert last.endswith("; 0.500 bpp, 30.00 dB, task 0.25")
    assert note == "and now"


def test_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    said = Terminal()
    with Tracker(40, 20, target=said) as tracker:
        tracker.step(21, 1.0, 0.5, 0.01, 0.0)
        tracker.note("and now")
    assert "21/40" in said.getvalue()
    assert "0.500 bpp, 20.00 dB" in said.getvalue()
    assert "task" not in said.getvalue()
    assert "and now" in said.getvalue()


def test_other_ranks_say_nothing(tmp_path: Path) -> None:
    said = io.StringIO()
    with Tracker(10, events=tmp_path / "events", shown=False, target=said) as tracker:
        for step in range(1, 11):
            tracker.step(step, 1.0, 0.5, 0.01)
        tracker.note("and now")
        tracker.epoch(10, {"bpp": 1.0}, {})
    assert said.getvalue() == ""
    assert not (tmp_path / "events").exists()


def test_events_of_a_training_that_goes_on(tmp_path: Path) -> None:
    """What was written after the checkpoint is not shown twice."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for done, loss in ((0, 1.0), (20, 2.0)):
        with Tracker(40, done, tmp_path, target=io.StringIO()) as tracker:
            for step in range(done + 1, 41):
                tracker.step(step, loss, 0.5, 0.01)
            tracker.epoch(40, {"psnr": 30.0 + loss, "ap": float("inf")}, {"w_rate": 0.5})
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    found = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert found["train/loss"] == [(10, 1.0), (20, 1.0), (30, 2.0), (40, 2.0)]
    assert found["validation/psnr"] == [(40, 32.0)]
    assert found["weights/w_rate"] == [(40, 0.5)]
    assert "validation/ap" not in found


def test_without_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    said = io.StringIO()
    with Tracker(10, events=tmp_path, target=said) as tracker:
        tracker.step(10, 1.0, 0.5, 0.01)
        tracker.epoch(10, {"bpp": 1.0}, {})
    assert said.getvalue().splitlines()[0] == "note: no TensorBoard events are written: pip install tensorboard"
