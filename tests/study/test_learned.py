"""Learned codecs and task models in a sweep: points, keys, what looks at which pictures, and the gallery."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from idse.detectors import DetectorSettings, Observation, load_detector
from idse.errors import IdseError
from idse.media.frame import decoded_rgb
from idse.media.still import read_picture
from idse.metrics.features import feature_error
from idse.study import Study
from idse.sweeps.local import local_executor
from idse.sweeps.packing import unpack_detections
from idse.sweeps.plan import parse_plan, read_plan
from idse.sweeps.preparation import Prepared, prepare
from idse.sweeps.running import run
from idse.sweeps.store import Store

PLAN = """
name = "learned"
qp = [36]
pseudo_score = 0.26
[dataset]
kind = "folder"
images = "pictures"
[[detectors]]
model = "toy.onnx"
classes = ["one", "two", "three"]
score_threshold = 0.25
[[codecs]]
name = "native"
preset = 0
[[codecs]]
name = "base"
engine = "learned"
codec = "a.idsec"
[[codecs]]
name = "T-FT"
engine = "learned"
codec = "a.idsec"
task_models = { toy = "task-{qp}.onnx" }
[[codecs]]
name = "native, T-FT"
engine = "native"
preset = 0
task_models = { toy = "task-0.onnx" }
"""


def finish(folder: Path) -> Prepared:
    plan = read_plan(folder / "plan.toml")
    with Store(folder / "r.sqlite") as store:
        prepared = prepare(plan, store)
        assert run(prepared, store, local_executor(plan, 1)) == []
    return prepared


def other_weights(source: Path, target: Path, factor: float) -> None:
    """The same detector with its convolutions' weights scaled, as if it had been trained."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(source))
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.ndim == 4:
            tensor.CopyFrom(numpy_helper.from_array((values * factor).astype(values.dtype), tensor.name))
    onnx.save(model, str(target))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photograph: np.ndarray, untrained_codec: Any) -> Path:
    """A finished sweep over two pictures."""
    toys = pytest.importorskip("toys", reason="ONNX is not installed")
    folder = tmp_path_factory.mktemp("learned")
    toys.yolox(folder / "toy.onnx")
    for i, factor in enumerate((1.1, 0.9)):
        other_weights(folder / "toy.onnx", folder / f"task-{i}.onnx", factor)
    untrained_codec("icm").save(folder / "a.idsec")
    (folder / "pictures").mkdir()
    for i in range(2):
        part = photograph[20 + 80 * i : 116 + 80 * i, 80:208]
        Image.fromarray(np.ascontiguousarray(part)).save(folder / "pictures" / f"{i}.png")
    (folder / "plan.toml").write_text(PLAN)
    prepared = finish(folder)
    assert (prepared.total, len(prepared.jobs)) == (12, 14)  # and both pictures as they are
    return folder


def stored(folder: Path, codec: int, item: int, qp: int) -> tuple[str, bytes]:
    with sqlite3.connect(folder / "r.sqlite") as database:
        key, stream = database.execute(
            "SELECT key, stream FROM cells JOIN results USING (key) WHERE codec = ? AND item = ? AND qp = ?",
            (codec, item, qp),
        ).fetchone()
    return key, stream


def seen(folder: Path, key: str) -> tuple[Any, float]:
    with sqlite3.connect(folder / "r.sqlite") as database:
        packed, sse = database.execute(
            "SELECT detections, feature_sse FROM observations WHERE key = ?", (key,)
        ).fetchone()
    return unpack_detections(packed)[0], sse


def look(folder: Path, model: str, rgb: np.ndarray) -> Observation:
    settings = DetectorSettings(str(folder / model), classes=("one", "two", "three"), score_threshold=0.25)
    return load_detector(settings).observe([rgb])[0]


def test_a_learned_codec_is_measured_at_its_own_points(folder: Path) -> None:
    plan = read_plan(folder / "plan.toml")
    assert [c.qps for c in plan.codecs] == [(36,), (0, 1), (0, 1), (36,)]
    one = parse_plan(PLAN.replace('codec = "a.idsec"', 'codec = "a.idsec"\nqp = [1]'), folder)
    assert one.codecs[1].qps == (1,)
    far = parse_plan(PLAN.replace('codec = "a.idsec"', 'codec = "a.idsec"\nqp = [0, 5]'), folder)
    words = r"codec 'base': point 5: must be 0\.\.1"
    with Store(folder / "far.sqlite") as store, pytest.raises(IdseError, match=words):
        prepare(far, store)


@pytest.mark.parametrize("point", [0, 1])
def test_task_models_look_at_their_codecs_pictures(folder: Path, untrained_codec: Any, point: int) -> None:
    """And at no others: references stay the plan's detector's on the uncompressed pictures."""
    from idse.learned.coding.coder import decode_stream

    source = read_picture(folder / "pictures" / "1.png", chroma_format="420")
    base, tuned = (stored(folder, codec, 1, point) for codec in (1, 2))
    assert base[0] != tuned[0]
    assert base[1] == tuned[1]
    (decoded,) = decode_stream(base[1], untrained_codec("icm"))
    rgb = decoded_rgb(decoded, 8, as_float=True)
    reference = look(folder, "toy.onnx", source.to_rgb(as_float=True))
    found = []
    for (key, _), model in ((base, "toy.onnx"), (tuned, f"task-{point}.onnx")):
        detections, sse = seen(folder, key)
        mine = look(folder, model, rgb)
        np.testing.assert_allclose(detections.scores, mine.detections.scores, rtol=1e-5)
        np.testing.assert_allclose(detections.boxes, mine.detections.boxes, rtol=1e-4, atol=1e-3)
        assert sse == pytest.approx(feature_error(reference.features, mine.features).sse, rel=1e-4)
        found.append(sse)
    assert found[0] != pytest.approx(found[1], rel=1e-3)


def test_task_models_work_for_any_engine(folder: Path) -> None:
    plain, tuned = (stored(folder, codec, 0, 36) for codec in (0, 3))
    assert plain[0] != tuned[0]
    assert plain[1] == tuned[1]
    assert seen(folder, plain[0])[1] != pytest.approx(seen(folder, tuned[0])[1], rel=1e-3)


def test_the_gallery_decodes_with_the_codecs_file(folder: Path, tmp_path: Path, untrained_codec: Any) -> None:
    from idse.learned.coding.coder import decode_stream

    study = Study.load(folder / "r.sqlite", draws=20)
    assert (study.verified("native"), study.verified("base")) == ("foreign", "its own")
    cells = {c.codec: c for c in study.gallery.cells("0", 1.0)}
    (decoded,) = decode_stream(stored(folder, 1, 0, cells["base"].qp)[1], untrained_codec("icm"))
    np.testing.assert_array_equal(study.gallery.decoded(cells["base"]), decoded.to_rgb())
    assert study.gallery.decoded(cells["native"]) is not None
    away = tmp_path / "a.idsec"
    shutil.move(folder / "a.idsec", away)
    try:
        study = Study.load(folder / "r.sqlite", draws=20)
        assert study.gallery.decoded(cells["base"]) is None
        untrained_codec("icm", seed=9).save(folder / "a.idsec")
        assert study.gallery.decoded(cells["base"]) is None  # another codec under the same name
    finally:
        shutil.move(away, folder / "a.idsec")


def test_only_what_changed_is_measured_again(folder: Path, tmp_path: Path) -> None:
    for name in ("r.sqlite", "plan.toml", "a.idsec", "toy.onnx", "task-0.onnx", "task-1.onnx"):
        shutil.copy(folder / name, tmp_path / name)
    shutil.copytree(folder / "pictures", tmp_path / "pictures")
    plan = read_plan(tmp_path / "plan.toml")
    with Store(tmp_path / "r.sqlite") as store:
        assert prepare(plan, store).jobs == []  # wherever the files lie
        other_weights(tmp_path / "toy.onnx", tmp_path / "task-1.onnx", 0.8)
        jobs = prepare(plan, store).jobs
        assert {(job.codec, job.qp) for job in jobs} == {(2, 1)}
        (tmp_path / "task-1.onnx").unlink()
        with pytest.raises(IdseError, match=r"codec 'T-FT': the task model .*task-1.onnx cannot be read"):
            prepare(plan, store)


def test_other_streams_of_a_detector_are_looked_at_without_coding_again(folder: Path, tmp_path: Path) -> None:
    """A detector that comes later sees the stored streams, task models included."""
    for name in ("r.sqlite", "a.idsec", "toy.onnx", "task-0.onnx", "task-1.onnx"):
        shutil.copy(folder / name, tmp_path / name)
    shutil.copytree(folder / "pictures", tmp_path / "pictures")
    with sqlite3.connect(tmp_path / "r.sqlite") as database:
        wanted = dict(database.execute("SELECT key, feature_sse FROM observations"))
        database.execute("DELETE FROM observations")
    (tmp_path / "plan.toml").write_text(PLAN)
    prepared = finish(tmp_path)
    assert all(job.stored for job in prepared.jobs if job.codec is not None)
    with sqlite3.connect(tmp_path / "r.sqlite") as database:
        assert dict(database.execute("SELECT key, feature_sse FROM observations")) == wanted


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ('task_models = { hawk = "x.onnx" }', r"codec 'T-FT': task_models: no detector 'hawk' in the plan \(it has"),
        ('task_models = { toy = "x.pth" }', r"toy needs an ONNX file, not .*x\.pth"),
        ('task_models = "x.onnx"', r"codec 'T-FT': write task_models as \{ DETECTOR"),
        ("task_models = { toy = 3 }", "write task_models as"),
    ],
)  # fmt: skip
def test_refusals(folder: Path, wrong: str, words: str) -> None:
    with pytest.raises(IdseError, match=words):
        parse_plan(PLAN.replace('task_models = { toy = "task-{qp}.onnx" }', wrong), folder)
