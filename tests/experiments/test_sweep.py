import importlib.util
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from idse.detectors import Observation
from idse.engines.base import EncodeSettings
from idse.errors import IdseError
from idse.experiments.comparison import compare, markdown
from idse.experiments.laboratory import Laboratory
from idse.experiments.measurement import Measurement
from idse.experiments.plan import configurations
from idse.experiments.store import Store
from idse.experiments.sweep import Cell, fill, missing
from idse.metrics import Detections

pytest.importorskip("bjontegaard")

QPS = [27, 32, 37, 42]
REPOSITORY = Path(__file__).parents[2]


def stand_in():  # type: ignore[no-untyped-def]
    spec = importlib.util.spec_from_file_location(
        "stand_in", REPOSITORY / "tests" / "metrics" / "stand_in.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["stand_in"] = module
    spec.loader.exec_module(module)
    return module.StandIn()


class Edges:
    """A detector whose features are differences of neighbours, and that finds nothing."""

    name = "yolox_nano"
    identity: ClassVar = {"weights_sha256": "0"}

    def observe(self, pictures: Sequence[np.ndarray]) -> list[Observation]:
        nothing = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
        return [Observation([np.diff(rgb, axis=0), np.diff(rgb, axis=1)], nothing) for rgb in pictures]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    y, x = np.mgrid[0:64, 0:96]
    for number in range(3):
        waves = [128 + 100 * np.sin(x / (5 + number) + k) * np.cos(y / (4 + k)) for k in range(3)]
        Image.fromarray(np.stack(waves, axis=2).astype(np.uint8)).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


@pytest.fixture
def laboratory() -> Laboratory:
    return Laboratory(stand_in(), [Edges()], lambda name: None, EncodeSettings())  # type: ignore[arg-type]


class Worker:
    """Measures cells, and breaks at one of them."""

    def __init__(self, laboratory: Laboratory, breaks_at: int = -1) -> None:
        self.laboratory, self.left, self.done = laboratory, breaks_at, []

    def __call__(self, cell: Cell) -> Measurement:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        self.done.append(str(cell))
        return dict(self.laboratory.measure(cell.picture, cell.configuration, [cell.qp]))[cell.qp]


def test_goes_on_where_it_stopped_and_shows_what_there_is(
    tmp_path: Path, pictures: list[Path], laboratory: Laboratory
) -> None:
    chosen = configurations(["none", "none-c3", "activity"])
    keys = {c.name: laboratory.key(c) for c in chosen}
    names = [p.name for p in pictures]
    # All of the anchor, one picture of the next configuration, and one encode of its second picture.
    first = Worker(laboratory, len(pictures) * len(QPS) + len(QPS) + 1)
    with Store(tmp_path / "s.sqlite") as store, pytest.raises(KeyboardInterrupt):
        fill(store, keys, missing(store, keys, chosen, pictures, QPS), first)
    with Store(tmp_path / "s.sqlite") as store:
        rows = compare(store, keys, "none", [c.name for c in chosen], names, QPS)
        assert [(r.name, r.pictures) for r in rows] == [("none-c3", ["0.png"]), ("activity", [])]
        assert list(rows[0].figures) == ["fYX", "PSNR", "PSNR U", "PSNR V"]
        assert rows[0].figures["PSNR U"].value.percent is not None
        assert rows[0].figures["fYX"].half is None  # one picture says nothing about others
        table = markdown("none", rows)
        assert [line.split("|")[-2].strip() for line in table.splitlines()] == ["pictures", "---:", "1", "0"]
        assert len({line.count("|") for line in table.splitlines()}) == 1

        second = Worker(laboratory)
        assert fill(store, keys, missing(store, keys, chosen, pictures, QPS), second) == []
        assert not set(first.done) & set(second.done)
        assert len(first.done) + len(second.done) == len(chosen) * len(pictures) * len(QPS)
        assert missing(store, keys, chosen, pictures, QPS) == []
        rows = compare(store, keys, "none-c3", [c.name for c in chosen], names, QPS, draws=20)
        assert [(r.name, len(r.pictures)) for r in rows] == [("none", 3), ("activity", 3)]
        assert rows[0].figures["fYX"].half is not None
        assert rows[0].chroma_qp == (0, 0)
        assert rows[0].cpu_ratio > 0


def test_a_failure_is_reported_and_left_out(
    tmp_path: Path, pictures: list[Path], laboratory: Laboratory
) -> None:
    chosen = configurations(["none"])
    keys = {"none": laboratory.key(chosen[0])}
    good = Worker(laboratory)

    def sometimes(cell: Cell) -> Measurement:
        if cell.qp == 32:
            raise IdseError("no picture came out")
        return good(cell)

    def never(cell: Cell) -> Measurement:
        raise IdseError("no encoder")

    with Store(tmp_path / "s.sqlite") as store:
        cells = missing(store, keys, chosen, pictures, QPS)
        assert fill(store, keys, cells, sometimes) == [
            f"none {i}.png QP 32: no picture came out" for i in range(3)
        ]
        assert [c.qp for c in missing(store, keys, chosen, pictures, QPS)] == [32, 32, 32]
        with pytest.raises(IdseError, match=r"3 encodes in a row failed.*no encoder"):
            fill(store, keys, missing(store, keys, chosen, pictures, QPS), never)


_SWEEP = """
import functools, os, signal, sys, subprocess, time
from pathlib import Path
from idse.experiments.measurement import Measurement
from idse.experiments.plan import configurations
from idse.experiments.store import Store
from idse.experiments.sweep import fill, missing
from idse.metrics.features import FeatureError

def measure(folder, cell):
    (folder / f"{os.getpid()}.worker").touch()
    subprocess.run(["sleep", "0.02" if cell.qp < 3 else "300"], check=True)
    return Measurement(1, [1], [1], {"d": FeatureError(1, 1)}, {})

signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
folder = Path(sys.argv[1])
with Store(folder / "s.sqlite") as store:
    chosen = configurations(["none"])
    cells = missing(store, {"none": "k"}, chosen, [Path("a.png")], range(9))
    fill(store, {"none": "k"}, cells, functools.partial(measure, folder), 2)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_keeps_what_was_done_and_leaves_no_worker(
    tmp_path: Path, number: signal.Signals
) -> None:
    def kept() -> int:
        try:
            with sqlite3.connect(tmp_path / "s.sqlite") as database:
                return int(database.execute("SELECT COUNT(*) FROM measurements").fetchone()[0])
        except sqlite3.Error:
            return 0

    def until(condition, what: str) -> None:  # type: ignore[no-untyped-def]
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, what
            time.sleep(0.02)

    def children(of: int) -> list[int]:
        return [int(c) for c in Path(f"/proc/{of}/task/{of}/children").read_text().split()]

    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    (tmp_path / "sweep.py").write_text(_SWEEP)
    run = subprocess.Popen(
        [sys.executable, tmp_path / "sweep.py", tmp_path], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: kept() == 3, "three encodes are kept")
        workers = [int(f.stem) for f in tmp_path.glob("*.worker")]
        until(lambda: sum(len(children(w)) for w in workers) == 2, "two encodes are under way")
        under_way = [c for w in workers for c in children(w)]
    finally:
        run.send_signal(number)
        run.wait(timeout=60)
    assert kept() == 3

    def alive(process: int) -> bool:
        try:
            return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    until(lambda: not any(map(alive, [*workers, *under_way])), "nothing is left running")
