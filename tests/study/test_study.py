"""A study's figures against what its parts say: streams decoded again, detections matched again by faster-coco-eval."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from idse.detectors import DetectorSettings, load_detector
from idse.errors import IdseError
from idse.media.still import read_picture
from idse.media.video import decode_vvc
from idse.metrics.bd_rate import bd_rate
from idse.metrics.coco import coco_evaluate
from idse.metrics.detection import Detections, Truth
from idse.metrics.features import feature_error
from idse.metrics.matching import Matches, match
from idse.metrics.pareto import pareto_front
from idse.metrics.psnr import psnr_planes
from idse.study import Study
from idse.study.check import check_precision
from idse.sweeps.local import local_executor
from idse.sweeps.packing import pack_detections, unpack_detections
from idse.sweeps.plan import parse_plan, read_plan
from idse.sweeps.preparation import prepare
from idse.sweeps.running import run
from idse.sweeps.store import Store

CLASSES = ("one", "two", "three")

PLAN = """
name = "study"
qp = [27, 34, 41]
pseudo_score = 0.26
[dataset]
kind = "coco"
images = "pictures"
annotations = "truth.json"
[[detectors]]
model = "toy.onnx"
classes = ["one", "two", "three"]
score_threshold = 0.25
[[codecs]]
name = "native"
preset = 0
[[codecs]]
name = "toy map"
engine = "native"
preset = 0
importance = { method = "jacobian", detector = "toy", proj_dim = 2, target = "features" }
[[codecs]]
name = "sizes"
engine = "native"
preset = 0
scale = [100, 50]
[[codecs]]
name = "toy map, tau 1"
engine = "native"
preset = 0
tau = 1.0
importance = { method = "jacobian", detector = "toy", proj_dim = 2, target = "features" }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photograph: np.ndarray) -> Path:
    """A finished sweep over three pictures, annotated with what the detector finds on them best."""
    toys = pytest.importorskip("toys", reason="ONNX is not installed")
    folder = tmp_path_factory.mktemp("study")
    toys.yolox(folder / "toy.onnx")
    detector = load_detector(
        DetectorSettings(str(folder / "toy.onnx"), classes=CLASSES, score_threshold=0.25)
    )
    (folder / "pictures").mkdir()
    images, annotations = [], []
    for i in range(3):
        path = folder / "pictures" / f"{i}.png"
        Image.fromarray(np.ascontiguousarray(photograph[20 + 80 * i : 116 + 80 * i, 80:208])).save(path)
        images.append({"id": i, "file_name": path.name, "width": 128, "height": 96})
        seen = detector.detect([read_picture(path, chroma_format="420").to_rgb(as_float=True)])[0]
        best = np.argsort(-seen.scores)[:12]
        for box, label in zip(seen.boxes[best].tolist(), seen.labels[best].tolist(), strict=True):
            x0, y0, x1, y1 = box
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": i, "category_id": label + 1, "iscrowd": 0,
                    "bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0),
                }
            )  # fmt: skip
    categories = [{"id": n + 1, "name": name} for n, name in enumerate(CLASSES)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "truth.json").write_text(json.dumps(document))
    (folder / "plan.toml").write_text(PLAN)
    plan = read_plan(folder / "plan.toml")
    with Store(folder / "r.sqlite") as store:
        assert run(prepare(plan, store), store, local_executor(plan, 1)) == []
    return folder


@pytest.fixture
def study(folder: Path) -> Study:
    return Study.load(folder / "r.sqlite", draws=20)


def test_points_are_those_of_the_streams(folder: Path, study: Study) -> None:
    """Rate, PSNR and feature distance from the streams in the store, decoded and looked at here."""
    detector = load_detector(
        DetectorSettings(str(folder / "toy.onnx"), classes=CLASSES, score_threshold=0.25)
    )
    with sqlite3.connect(folder / "r.sqlite") as database:
        rows = database.execute(
            "SELECT cells.item, stream FROM cells JOIN results USING (key) WHERE codec = 1 AND qp = 34 ORDER BY item"
        ).fetchall()
    psnr, features, size = [], [], 0
    for item, stream in rows:
        source = read_picture(folder / "pictures" / f"{item}.png", chroma_format="420")
        (decoded,) = decode_vvc(stream)
        psnr.append(psnr_planes(source.planes, 8, decoded.planes, 10))
        size += len(stream)
        a = detector.observe([source.to_rgb(as_float=True)])[0].features
        rgb = decoded.to_rgb(as_float=True) * np.float32(1023 / 1020)  # 8-bit white is 1020
        b = detector.observe([np.minimum(rgb, 1)])[0].features
        features.append(feature_error(a, b).distance_db)
    (point,) = [p for p in study.points("toy map", "psnr_y") if p.qp == 34]
    assert point.bpp == pytest.approx(8 * size / (3 * 128 * 96))
    assert point.quality == pytest.approx(np.mean([p[0] for p in psnr]))
    (mixed,) = [p for p in study.points("toy map", "psnr_611") if p.qp == 34]
    assert mixed.quality == pytest.approx(np.mean([(6 * y + u + v) / 8 for y, u, v in psnr]))
    (seen,) = [p for p in study.points("toy map", "features:toy") if p.qp == 34]
    assert seen.quality == pytest.approx(np.mean(features), abs=1e-4)
    assert study.verified("toy map") == "foreign"


def test_precision_is_faster_coco_evals(folder: Path, study: Study) -> None:
    with Store(folder / "r.sqlite") as store:
        sweep = store.sweep("study")
        cells = {(c, i, s, q): key for c, i, s, q, key, _ in store.cells(sweep)}
        detector = sweep.detectors[0][1]
        seen = [store.observation(cells[0, i, 100, 41], detector, sweep.items[i][3]) for i in range(3)]
        found = [unpack_detections(s.detections)[0] for s in seen]
    truths = [study.gallery.truth(name) for name in study.items]
    assert all(isinstance(t, Truth) for t in truths)
    wanted = coco_evaluate(found, truths, CLASSES, "boxes")
    (point,) = [p for p in study.points("native", "map_box:toy") if p.qp == 41]
    assert 0 < point.quality < 1
    assert point.quality == pytest.approx(wanted["AP"], abs=1e-6)
    (half,) = [p for p in study.points("native", "ap50_box:toy") if p.qp == 41]
    assert half.quality == pytest.approx(wanted["AP50"], abs=1e-6)
    assert study.uncompressed("map_box:toy") > point.quality
    assert study.uncompressed("psnr_y") is None


def test_observations_against_another_truth_change_nothing(folder: Path, tmp_path: Path) -> None:
    """Annotations that were edited leave rows of the old ones beside those of the new; they are not these."""
    for path in folder.iterdir():
        if path.name.startswith("r.sqlite"):
            shutil.copy(path, tmp_path)
    plain = Study.load(folder / "r.sqlite", draws=20)
    with Store(tmp_path / "r.sqlite") as store:
        sweep = store.sweep("study")
        nothing = pack_detections([Detections(np.zeros((0, 4), np.float32), *[np.zeros(0, np.float32)] * 2)])
        empty = Matches(*[np.zeros(0, np.float32)] * 4, np.ones(len(CLASSES), np.int32)).pack()
        with store.writing() as database:
            for other in ("", "~"):  # before and after every hash
                database.execute(
                    "INSERT INTO observations SELECT key, detector, ?, 1e9, 1, ?, ?, ?, NULL FROM observations "
                    "WHERE truth NOT IN ('', '~')",
                    (other, nothing, empty, empty),
                )
        cell = store.cells(sweep)[0][4]
        detector, truth = sweep.detectors[0][1], sweep.items[store.cells(sweep)[0][1]][3]
        assert store.observation(cell, detector, "~").detections == nothing
        assert store.observation(cell, detector, truth).detections != nothing
        assert store.observation(cell, detector, "never") is None
    mixed = Study.load(tmp_path / "r.sqlite", draws=20)
    assert mixed.uncompressed("map_box:toy") == plain.uncompressed("map_box:toy")
    for item in plain.items:
        a, b = plain.gallery.cells(item, 1.0), mixed.gallery.cells(item, 1.0)
        assert a == b
        for cell in (None, a[0]):
            ours, theirs = (s.gallery.detections(item, cell, "toy") for s in (mixed, plain))
            np.testing.assert_array_equal(ours.boxes, theirs.boxes)
    keys = plain.keys("native")[0]
    assert [len(d) for d in mixed.gallery.found(keys, "toy")] == [
        len(d) for d in plain.gallery.found(keys, "toy")
    ]
    with pytest.raises(IdseError, match="toy was not run on a result of"):
        plain.gallery.found(["none"] * len(keys), "toy")


def test_all_precision_is_checked(study: Study) -> None:
    check = check_precision(study)
    assert check.points == 15
    assert check.largest < 1e-6


def test_bd_rates_are_those_of_the_curves(study: Study) -> None:
    a, t = study.curve("native", "psnr_y"), study.curve("toy map", "psnr_y")
    wanted = bd_rate([p.bpp for p in a], [p.quality for p in a], [p.bpp for p in t], [p.quality for p in t])
    figure = study.figure("native", "toy map", "psnr_y")
    assert figure.value.percent == pytest.approx(wanted.percent)
    assert figure.half > 0
    assert study.figure("native", "native", "features:toy").value.percent == pytest.approx(0, abs=1e-9)
    akima = study.figure("native", "toy map", "psnr_y", "akima")
    assert akima.half == pytest.approx(figure.half, rel=0.5)
    mean, count = study.per_picture("native", "toy map", "psnr_y")
    assert count == 3
    assert mean == pytest.approx(figure.value.percent, abs=3 * figure.half + 1)


def _see_less_at_each_qp(store: sqlite3.Connection) -> None:
    """Give the cells of "native" observations that get worse with QP by construction.

    A toy network's AP over three pictures is not monotone by itself: the last bits of its sums, which differ between
    processors (onnxruntime chooses its kernels by them), decide which box a match takes.
    """
    boxes = np.array([[20 * i, 0, 20 * i + 12, 12] for i in range(12)], np.float64)
    labels = np.arange(12) % len(CLASSES)
    truth = Truth(boxes, labels, np.zeros(12, bool), np.full(12, 144.0))
    for qp, found, sse in ((27, 12, 1e3), (34, 8, 4e3), (41, 4, 16e3)):
        detections = Detections(
            boxes[:found].astype(np.float32), np.linspace(0.9, 0.5, found, dtype=np.float32), labels[:found]
        )
        store.execute(
            "UPDATE observations SET pseudo = ?, feature_sse = ? "
            "WHERE key IN (SELECT key FROM cells WHERE codec = 0 AND qp = ?)",
            (match(detections, truth, len(CLASSES), "boxes").pack(), sse, qp),
        )


def test_a_fifth_less_is_a_fifth_less(folder: Path, tmp_path: Path) -> None:
    """A codec with another's figures but 0.8 of its bytes: -20 % by every measure, whatever is resampled."""
    path = tmp_path / "r.sqlite"
    with sqlite3.connect(folder / "r.sqlite") as source, sqlite3.connect(path) as target:
        source.backup(target)
        _see_less_at_each_qp(target)
        taken = "SELECT key FROM cells WHERE codec = 0"
        target.execute(
            "INSERT INTO results SELECT 'less-' || key, "
            "json_set(figures, '$.bytes', 0.8 * json_extract(figures, '$.bytes')), provenance, stream, map "
            f"FROM results WHERE key IN ({taken})"
        )
        target.execute(
            "INSERT INTO observations SELECT 'less-' || key, detector, truth, feature_sse, feature_elements, "
            f"detections, pseudo, boxes, masks FROM observations WHERE key IN ({taken})"
        )
        target.execute(
            "UPDATE cells SET key = (SELECT 'less-' || key FROM cells AS c WHERE c.codec = 0 "
            "AND c.item = cells.item AND c.qp = cells.qp) WHERE codec = 1"
        )
    study = Study.load(path, draws=20)
    for measure in ("psnr_y", "features:toy", "pseudo_ap:toy"):
        figure = study.figure("native", "toy map", measure)
        assert figure.value.percent == pytest.approx(-20)
        assert figure.half == pytest.approx(0, abs=1e-6)
        assert figure.wins
    mean, count = study.per_picture("native", "toy map", "features:toy")
    assert (mean, count) == (pytest.approx(-20), 3)
    with sqlite3.connect(path) as target:
        target.execute("DELETE FROM results WHERE key IN (SELECT key FROM cells WHERE item > 0)")
    alone = Study.load(path, draws=20)
    assert alone.items == ["0"]
    assert alone.figure("native", "toy map", "psnr_y").half is None  # one picture says nothing about others


def test_sizes_lie_on_their_pareto_front(study: Study) -> None:
    points = study.points("sizes", "psnr_y")
    assert len(points) == 6
    front = pareto_front([p.bpp for p in points], [p.quality for p in points])
    assert study.curve("sizes", "psnr_y") == [points[i] for i in front]
    shared = {p.bpp for p in study.points("native", "psnr_y")}
    assert shared == {p.bpp for p in points if p.scale == 100}


def test_only_whole_items_count(folder: Path, tmp_path: Path) -> None:
    partly = tmp_path / "partly.sqlite"
    with sqlite3.connect(folder / "r.sqlite") as source, sqlite3.connect(partly) as target:
        source.backup(target)
        target.execute(
            "DELETE FROM results WHERE key = (SELECT key FROM cells WHERE codec = 1 AND item = 1 AND qp = 27)"
        )
    study = Study.load(partly, draws=0)
    assert study.items == ["0", "2"]
    assert study.missing == {"toy map": "1 of 9 cells are missing"}
    with sqlite3.connect(partly) as target:
        target.execute("DELETE FROM results")
    with pytest.raises(IdseError, match="no complete picture yet"):
        Study.load(partly)
    with pytest.raises(IdseError, match="no sweep 'other': it has study"):
        Study.load(partly, "other")
    with Store(tmp_path / "empty.sqlite"):
        pass
    with pytest.raises(IdseError, match="no sweep in this store yet"):
        Study.load(tmp_path / "empty.sqlite")


def test_a_plane_without_loss_is_left_out_of_its_measures(folder: Path, tmp_path: Path) -> None:
    """A grey picture's chroma has no error: the others still have a mean, at the rate of the others."""
    grey = tmp_path / "grey.sqlite"
    with sqlite3.connect(folder / "r.sqlite") as source, sqlite3.connect(grey) as target:
        source.backup(target)
        for key, text in target.execute(
            "SELECT key, figures FROM results WHERE key IN (SELECT key FROM cells WHERE item = 1)"
        ).fetchall():
            figures = json.loads(text)
            figures["sse"][1] = 0
            target.execute("UPDATE results SET figures = ? WHERE key = ?", (json.dumps(figures), key))
    study, before = Study.load(grey, draws=20), Study.load(folder / "r.sqlite", draws=20)
    assert study.left_out("psnr_u") == study.left_out("psnr_611") == ["1"]
    assert study.left_out("psnr_y") == []
    assert study.figure("native", "toy map", "psnr_u").half is not None
    assert study.figure("native", "toy map", "psnr_y") == before.figure("native", "toy map", "psnr_y")
    point, whole = study.points("native", "psnr_u")[0], before.points("native", "psnr_u")[0]
    assert np.isfinite(point.quality)
    assert point.bpp != whole.bpp


def test_pictures(folder: Path, study: Study) -> None:
    gallery, name = study.gallery, study.items[0]
    cells = gallery.cells(name, study.points("native", "psnr_y")[0].bpp)
    assert [c.codec for c in cells] == ["native", "toy map", "sizes", "toy map, tau 1"]
    assert cells[0].qp == 27
    source = gallery.source(name)
    assert (source == read_picture(folder / "pictures" / "0.png", chroma_format="420").to_rgb()).all()
    for cell in cells:
        decoded = gallery.decoded(cell)
        assert decoded.shape == source.shape
        assert np.abs(decoded.astype(int) - source).mean() < 12
    assert gallery.importance(cells[0]) is None
    found = gallery.importance(cells[1])
    assert found.planes.shape == (1, 3, 12, 16)
    profile = ", own profile" if found.profiles is not None else ""
    assert gallery.map_caption(cells[1], found) == f"toy: features, l = 2{profile}"
    older = dataclasses.replace(found, meta={"extractor_name": "else"})  # does not say where it was made
    assert gallery.map_caption(cells[1], older) == "toy: features, l = 2, own profile"  # as the settings say
    renamed = dataclasses.replace(found, meta={"extractor_name": "else", "at": "decoded", "at_qps": [32]})
    assert gallery.map_caption(cells[1], renamed) == "else: features, at the decoded picture (QP 32)"
    assert len(gallery.detections(name, None, "toy")) > 0
    assert gallery.classes("toy") == gallery.classes(None) == CLASSES
    assert {"psnr_y", "features:toy"} <= cells[0].figures.keys()


def test_a_gallery_without_its_files_says_so(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    with sqlite3.connect(folder / "r.sqlite") as source, sqlite3.connect(moved / "r.sqlite") as target:
        source.backup(target)
        ((about,),) = target.execute("SELECT about FROM sweeps").fetchall()
        target.execute("UPDATE sweeps SET about = ?", (about.replace(str(folder), str(moved)),))
        target.execute("UPDATE results SET stream = NULL")
    study = Study.load(moved / "r.sqlite", draws=0)
    cell = study.gallery.cells(study.items[0], 0.5)[0]
    assert study.gallery.source(study.items[0]) is None
    assert study.gallery.decoded(cell) is None
    assert study.gallery.truth(study.items[0]) is None


def test_times(study: Study) -> None:
    times = study.times("native")
    assert times.megapixels == pytest.approx(9 * 128 * 96 / 1e6)
    assert times.encode_cpu > 0
    assert times.decode_cpu > 0
    assert times.map_cpu == 0
    assert study.times("toy map").map_cpu > 0
    # Made for the row before, and kept; but who codes with it has to make it.
    assert study.times("toy map, tau 1").map_cpu == study.times("toy map").map_cpu
    enc, dec = study.time_percent("native", "native")
    assert (enc, dec) == pytest.approx((100, 100))
    # "sizes" has the same points as "native" at 100 %, and others, which do not count.
    assert study.time_percent("native", "sizes") == pytest.approx((100, 100))


def test_another_detector_needs_no_new_encode(folder: Path, tmp_path: Path) -> None:
    """Its observations come from the kept streams, and are those of a sweep that had it from the start."""
    second = '[[detectors]]\nname = "second"\nmodel = "toy.onnx"\nscore_threshold = 0.3\nclasses = {}\n\n'
    more = (folder / "plan.toml").read_text()
    more = more.replace("[[codecs]]", second.format(list(CLASSES)) + "[[codecs]]", 1)
    plan = parse_plan(more, folder, "study")
    store = tmp_path / "r.sqlite"
    with sqlite3.connect(folder / "r.sqlite") as source, sqlite3.connect(store) as target:
        source.backup(target)
        before = target.execute("SELECT key, provenance FROM results ORDER BY key").fetchall()
    with Store(store) as opened, Store(tmp_path / "new.sqlite") as anew:
        prepared = prepare(plan, opened)
        assert all(job.stored or job.codec is None for job in prepared.jobs)
        assert run(prepared, opened, local_executor(plan, 1)) == []
        assert run(prepare(plan, anew), anew, local_executor(plan, 1)) == []
    with sqlite3.connect(store) as a, sqlite3.connect(tmp_path / "new.sqlite") as b:
        assert a.execute("SELECT key, provenance FROM results ORDER BY key").fetchall() == before
        seen = "SELECT * FROM observations ORDER BY key, detector, truth"
        assert a.execute(seen).fetchall() == b.execute(seen).fetchall()
