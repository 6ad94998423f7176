"""The loss of features, and students of ONNX files: trained, written, and read by onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

onnx = pytest.importorskip("onnx", reason="ONNX detectors need onnx")
pytest.importorskip("onnx2torch", reason="ONNX detectors need onnx2torch")

import onnx_models  # noqa: E402

from idse.errors import IdseError  # noqa: E402
from idse.features.onnx import OnnxExtractor  # noqa: E402
from idse.learned.tasks import Task, TaskSettings, load_task  # noqa: E402
from idse.learned.tasks.distillation import relative_error  # noqa: E402

CPU = torch.device("cpu")
REAL = ("yolox_nano", "nanodet_m")


def pictures(count: int = 2, height: int = 48, width: int = 64) -> torch.Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def worse(x: torch.Tensor, amount: float = 0.1) -> torch.Tensor:
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    return (x + amount * noise).clamp(0, 1).requires_grad_()


def toy(tmp_path: Path) -> Task:
    return load_task(TaskSettings(str(onnx_models.pyramid(tmp_path / "toy.onnx"))), CPU)


def runtime_features(path: Path, x: torch.Tensor) -> list[np.ndarray]:
    """What onnxruntime computes of a file at the detector's feature nodes."""
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    extractor = OnnxExtractor(path)
    model = onnx.load(str(path))
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in extractor.nodes)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (name,) = (i.name for i in session.get_inputs())
    prepared = extractor.preprocess(x).detach().numpy()
    parts = [session.run(extractor.nodes, {name: prepared[i : i + 1]}) for i in range(len(x))]
    return [np.concatenate(level) for level in zip(*parts, strict=True)]


def steps(task: Task, count: int = 3) -> None:
    """A few steps of Adam on the student, large enough to move it."""
    task.trainable(True)
    parameters = [p for p in task.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    x = pictures()
    y = worse(x, 0.3).detach()
    for _ in range(count):
        optimizer.zero_grad()
        task(y, x).backward()
        optimizer.step()


def test_relative_error_by_hand() -> None:
    teacher = [torch.tensor([[[[3.0, 4.0]]], [[[1.0, 0.0]]]]), torch.ones(2, 1, 2, 2)]
    student = [torch.tensor([[[[3.0, 5.0]]], [[[1.0, 2.0]]]]), torch.ones(2, 1, 2, 2)]
    # Level 1: 1 / 25 and 4 / 1; level 2: nothing.
    assert relative_error(student, teacher).item() == pytest.approx((0.04 + 4.0) / 2 / 2)
    black = [torch.zeros(1, 1, 2, 2)]
    assert relative_error(black, black).item() == 0


def test_nothing_is_lost_on_the_same_picture(tmp_path: Path) -> None:
    task = toy(tmp_path)
    x = pictures()
    assert task(x, x).item() == pytest.approx(0, abs=1e-9)
    slightly, much = task(worse(x, 0.02), x).item(), task(worse(x, 0.3), x).item()
    assert 0 < slightly < much


def test_loss_is_the_mean_over_pictures(tmp_path: Path) -> None:
    task = toy(tmp_path)
    x = pictures(3)
    y = worse(x)
    alone = [task(y[i : i + 1], x[i : i + 1]).item() for i in range(3)]
    assert len(set(alone)) == 3
    assert task(y, x).item() == pytest.approx(sum(alone) / 3, rel=1e-4)


def test_mixed_precision(tmp_path: Path) -> None:
    task = toy(tmp_path)
    x = pictures()
    y = worse(x)
    full = task(y, x).item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = task(y, x)
    assert loss.dtype == torch.float32
    assert loss.item() != full
    assert loss.item() == pytest.approx(full, rel=0.05)


def test_gradients_reach_the_picture_and_only_trained_weights(tmp_path: Path) -> None:
    task = toy(tmp_path)
    x = pictures().requires_grad_()
    y = worse(pictures())
    task(y, x).backward()
    assert y.grad is not None
    assert y.grad.abs().max() > 0
    assert x.grad is None
    assert all(p.grad is None for p in task.parameters())
    task.trainable(True)
    task.train()
    assert not task.student.training
    task(y, x).backward()
    assert x.grad is None
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in task.student.parameters())
    task.trainable(False)
    assert not any(p.requires_grad for p in task.parameters())


def test_gradient_is_the_slope(tmp_path: Path) -> None:
    task = toy(tmp_path)
    x = pictures(1)
    y = worse(x)
    task(y, x).backward()
    assert y.grad is not None
    steepest, step = y.grad / y.grad.norm(), 2e-3
    with torch.no_grad():
        slope = (task(y + step * steepest, x) - task(y - step * steepest, x)).item() / (2 * step)
    assert y.grad.norm().item() == pytest.approx(slope, rel=0.05)


def test_the_state_is_the_students(tmp_path: Path) -> None:
    task, other = toy(tmp_path), toy(tmp_path)
    x = pictures()
    y = worse(x)
    before = task(y, x).item()
    assert all(key.startswith("student.") for key in task.state_dict())
    steps(task)
    assert task(y, x).item() != before
    other.load_state_dict(task.state_dict())
    assert other(y, x).item() == pytest.approx(task(y, x).item(), rel=1e-6)


@pytest.mark.parametrize("file", REAL)
@pytest.mark.parametrize("trained", [False, True])
def test_saved_file_is_the_student(shared: Path, tmp_path: Path, file: str, trained: bool) -> None:
    source = shared / "data" / "detectors" / f"{file}.onnx"
    task = load_task(TaskSettings(str(source)), CPU)
    if trained:
        steps(task)
    path = tmp_path / f"student{task.suffix}"
    task.save(path)
    x = pictures()
    with torch.no_grad():
        found = task.student(x)
    for level, runtime in zip(found, runtime_features(path, x), strict=True):
        np.testing.assert_allclose(level.numpy(), runtime, atol=1e-4 * np.abs(runtime).max())
    original = runtime_features(source, x)
    moved = [float(np.abs(a - b.numpy()).max()) for a, b in zip(original, found, strict=True)]
    assert (min(moved) > 1e-2) is trained
    before, after = onnx.load(str(source)), onnx.load(str(path))
    same = [a == b for a, b in zip(before.graph.initializer, after.graph.initializer, strict=True)]
    assert all(same) is not trained
    assert list(before.graph.node) == list(after.graph.node)


def test_saved_detector_is_a_detector(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    from idse.detectors import DetectorSettings, load_detector

    source = str(shared / "data" / "detectors" / "yolox_nano.onnx")
    task = load_task(TaskSettings(source), CPU)
    task.save(tmp_path / "same.onnx")
    picture = [pictures(1, 200, 300)[0].permute(1, 2, 0).numpy()]
    (a,), (b,) = (
        load_detector(DetectorSettings(str(p), device="cpu", score_threshold=0.001)).detect(picture)
        for p in (source, tmp_path / "same.onnx")
    )
    assert len(a) > 0
    assert np.array_equal(a.boxes, b.boxes)


def shared_weights(path: Path) -> Path:
    """One convolution's weights at two strides, as heads share them; a Gemm, and a weight used as plain numbers."""
    b = onnx_models.Builder()
    x = b.conv(b.conv("picture", "c4", 4, 4), "c8", 8, 2)
    y = b.conv(x, "c16", 8, 2)
    b.const("head.w", b.rng.normal(size=(8, 8, 3, 3)) * 0.2, np.float32)
    for source, name in ((x, "f8"), (y, "f16")):
        b.op("Conv", [source, "head.w"], name, 8, pads=[1] * 4, kernel_shape=[3, 3])
    b.op("GlobalAveragePool", [y], "pooled", 8)
    b.op("Flatten", ["pooled"], "flat", 8)
    b.const("gemm.w", b.rng.normal(size=(5, 8)), np.float32)
    b.const("gemm.b", b.rng.normal(size=5), np.float32)
    b.op("Gemm", ["flat", "gemm.w", "gemm.b"], "scores", 5, transB=1)
    b.const("odd.w", b.rng.normal(size=(8, 8, 1, 1)), np.float32)
    b.op("Conv", [y, "odd.w"], "odd", 8, kernel_shape=[1, 1])
    b.op("ReduceSum", ["odd.w"], "sum", 1, keepdims=1)
    b.op("Mul", ["odd", "sum"], "scaled", 8)
    return b.save(path, ["f8", "f16", "scores", "scaled"])


def test_shared_and_transposed_weights(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    from idse.learned.tasks.student import OnnxStudent

    path = shared_weights(tmp_path / "heads.onnx")
    detector = OnnxExtractor(path)
    outputs = ["f8", "f16", "scores", "scaled"]
    student = OnnxStudent(detector, outputs)
    student.trainable(True)
    trained = [p for p in student.parameters() if p.requires_grad]
    assert (
        len(trained) == 3 + 1 + 2
    )  # backbone, the shared head once, Gemm; not what is also used as a number
    optimizer = torch.optim.SGD(trained, lr=0.05)
    sum(level.square().mean() for level in student(pictures())).backward()
    optimizer.step()
    student.save(tmp_path / "moved.onnx")
    session = runtime.InferenceSession(str(tmp_path / "moved.onnx"), providers=["CPUExecutionProvider"])
    x = detector.preprocess(pictures(1)).numpy()
    found = student(pictures(1))
    untrained = detector.network(outputs)(torch.from_numpy(x))
    for level, wanted, old in zip(found, session.run(outputs, {"picture": x}), untrained, strict=True):
        np.testing.assert_allclose(level.detach().numpy(), wanted, atol=1e-4)
        assert np.abs(wanted - old.numpy()).max() > 1e-3


def test_sidecar_goes_with_the_file(tmp_path: Path) -> None:
    path = onnx_models.pyramid(tmp_path / "toy.onnx")
    (tmp_path / "toy.onnx.json").write_text('{"order": "bgr", "nodes": ["c8", "c16"]}')
    task = load_task(TaskSettings(str(path)), CPU)
    (tmp_path / "run").mkdir()
    task.save(tmp_path / "run" / "task-0.onnx")
    saved = OnnxExtractor(tmp_path / "run" / "task-0.onnx")
    assert (saved.preprocess.order, saved.nodes) == ("bgr", ["c8", "c16"])


def test_what_goes_wrong(tmp_path: Path) -> None:
    path = onnx_models.pyramid(tmp_path / "toy.onnx")
    task = load_task(TaskSettings(str(path)), CPU)
    with pytest.raises(IdseError, match="cannot write"):
        task.save(tmp_path / "nowhere" / "task.onnx")
    path.write_bytes(path.read_bytes() + b"\x00")
    onnx_models.backbone(path)
    with pytest.raises(IdseError, match="the file has changed since training started"):
        task.save(tmp_path / "task.onnx")
    assert not (tmp_path / "task.onnx").exists()
    for settings, message in [
        (TaskSettings(str(tmp_path / "none.onnx")), "cannot read the detector"),
        (TaskSettings(str(path), weights=path), "leave out weights"),
        (TaskSettings(str(path), loss="training"), "use features or detections"),
        (TaskSettings(str(path), loss="else"), "loss 'else': must be features, detections or training"),  # type: ignore[arg-type]
    ]:
        with pytest.raises(IdseError, match=message):
            load_task(settings, CPU)
    blind = load_task(TaskSettings(str(onnx_models.without_gradient(tmp_path / "int.onnx"))), CPU)
    x = pictures()
    with pytest.raises(IdseError, match="the loss has no gradient"):
        blind(worse(x), x)
