"""The loss of ONNX detectors' boxes and scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

onnx = pytest.importorskip("onnx", reason="ONNX detectors need onnx")
pytest.importorskip("onnx2torch", reason="ONNX detectors need onnx2torch")
pytest.importorskip("torchvision", reason="box losses need torchvision")

import toys  # noqa: E402

from idse.errors import IdseError  # noqa: E402
from idse.features.heads import Candidates  # noqa: E402
from idse.learned.tasks import TaskSettings, load_task  # noqa: E402
from idse.learned.tasks.distillation import head_output_error  # noqa: E402
from idse.learned.tasks.onnx_heads import OnnxDetectionTask  # noqa: E402

CPU = torch.device("cpu")
CELLS = (96, 24, 6)  # of toys.SIZE at strides 8, 16, 32


def load(path: Path, classes: int) -> OnnxDetectionTask:
    task = load_task(TaskSettings(str(path), loss="detections", classes=classes), CPU)
    assert isinstance(task, OnnxDetectionTask)
    return task


def test_head_output_error_by_hand() -> None:
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [20.0, 0.0, 30.0, 10.0], [0.0, 0.0, 5.0, 5.0]])
    teacher = Candidates(boxes, torch.tensor([[0.8, 0.1], [0.0, 0.6], [0.01, 0.02]]))
    assert head_output_error(teacher, teacher, 0.05).item() == 0
    scores = teacher.scores.clone()
    scores[2, 0] = 0.51  # something that is not there
    assert head_output_error(Candidates(boxes, scores), teacher, 0.05).item() == pytest.approx(
        0.25 / (0.64 + 0.01 + 0.36 + 0.0005), rel=1e-4
    )
    moved = boxes.clone()
    moved[0, ::2] += 5  # IoU 1/3, nothing between: the generalised IoU is the same
    moved[2] += 100  # nothing is reported there
    assert head_output_error(Candidates(moved, teacher.scores), teacher, 0.05).item() == pytest.approx(
        0.8 * (2 / 3) / 1.4, rel=1e-4
    )
    nothing = Candidates(boxes, torch.full((3, 2), 0.01))
    assert head_output_error(nothing, nothing, 0.05).item() == 0
    assert head_output_error(teacher, nothing, 0.05).item() < 1.2


@pytest.mark.parametrize(
    ("make", "layout", "classes"),
    [(toys.yolox, "yolox", 3), (toys.nanodet, "nanodet", 5), (toys.yolov8, "yolov8", 3)],
)
def test_loss_and_gradients(
    tmp_path: Path,
    make: Callable[[Path], Path],
    layout: str,
    classes: int,
    originals: torch.Tensor,
    decoded: torch.Tensor,
) -> None:
    task = load(make(tmp_path / "toy.onnx"), classes)
    assert (task.layout.name, task.identity["loss"], task.suffix) == (layout, "detections", ".onnx")
    assert task(originals, originals).item() == pytest.approx(
        0, abs=1e-3
    )  # boxes as small as the epsilon of IoU
    loss = task(decoded, originals)
    assert loss.item() > 0
    loss.backward()
    assert decoded.grad is not None
    assert torch.isfinite(decoded.grad).all()
    assert (decoded.grad.abs().amax((1, 2, 3)) > 0).all()
    assert all(p.grad is None for p in task.parameters())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert task(decoded, originals).item() == loss.item()
    alone = [task(decoded[i : i + 1], originals[i : i + 1]).item() for i in (0, 1)]
    assert loss.item() == pytest.approx(sum(alone) / 2, rel=1e-3)


def test_trained_heads_are_saved(tmp_path: Path, originals: torch.Tensor, decoded: torch.Tensor) -> None:
    """Steps lower the loss, and onnxruntime gives with the file what the student does."""
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    path = toys.yolox(tmp_path / "toy.onnx")
    task = load(path, 3)
    task.trainable(True)
    optimizer = torch.optim.Adam(task.parameters(), lr=3e-3)
    losses = []
    for _ in range(6):
        optimizer.zero_grad()
        loss = task(decoded.detach(), originals)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    task.save(tmp_path / "moved.onnx")
    session = runtime.InferenceSession(str(tmp_path / "moved.onnx"), providers=["CPUExecutionProvider"])
    prepared = task.layout.preprocess(toys.SIZE)(decoded.detach()[:1])
    (wanted,) = session.run(None, {"picture": prepared.numpy()})
    with torch.no_grad():
        (found,) = task.student(decoded[:1])
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-4 * np.abs(wanted).max())


def test_unknown_outputs(tmp_path: Path) -> None:
    import onnx_models

    path = onnx_models.pyramid(tmp_path / "toy.onnx")
    with pytest.raises(IdseError, match="have no known layout"):
        load_task(TaskSettings(str(onnx_models.backbone(path)), loss="detections"), CPU)


@pytest.mark.parametrize("file", ["yolox_nano", "nanodet_m"])
def test_real_detectors(shared: Path, file: str) -> None:
    """A photograph that is blurred more loses more."""
    from PIL import Image

    path = shared / "data" / "detectors" / f"{file}.onnx"
    task = load_task(TaskSettings(str(path), loss="detections"), CPU)
    photograph = sorted((shared / "data" / "coco" / "val").glob("*.jpg"))[0]
    rgb = np.asarray(Image.open(photograph).convert("RGB"), np.float32) / 255
    x = torch.from_numpy(rgb).permute(2, 0, 1)[None]
    blurred = [torch.nn.functional.avg_pool2d(x, k, 1, k // 2, count_include_pad=False) for k in (3, 9)]
    with torch.no_grad():
        same, slightly, much = (task(y, x).item() for y in (x, *blurred))
    assert same == pytest.approx(0, abs=1e-6)
    assert 0.005 < slightly < much < 3
