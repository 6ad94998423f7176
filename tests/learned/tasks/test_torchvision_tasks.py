"""Task losses of torchvision's detectors, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

models = pytest.importorskip("torchvision.models", reason="torchvision's detectors need torchvision")

from idse.detectors import DetectorSettings, load_detector  # noqa: E402
from idse.errors import IdseError  # noqa: E402
from idse.learned.tasks import Loss, Target, Task, TaskSettings, load_task  # noqa: E402
from idse.learned.tasks.student import TorchvisionStudent, portable_state  # noqa: E402

CPU = torch.device("cpu")
FASTER, SSD = "fasterrcnn_mobilenet_v3_large_320_fpn", "ssdlite320_mobilenet_v3_large"
SMALL = (FASTER, SSD)


def settled(model: Any, pictures: torch.Tensor) -> None:
    """Give batch normalisation statistics, without which random layers pass nothing on."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        shape = pictures.shape[2:]
        shown = [{**target, "masks": torch.ones(2, *shape)} for target in targets(len(pictures), 2)]
        model.train()(list(pictures), shown)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State dicts of models that its weights are for 4 labels, by name."""
    folder = tmp_path_factory.mktemp("weights")
    for name in SMALL:
        torch.manual_seed(0)
        model = models.get_model(name, weights=None, weights_backbone=None, num_classes=4)
        settled(model, torch.rand(3, 3, 64, 64))
        torch.save(model.state_dict(), folder / f"{name}.pth")
    return folder


def load(folder: Path, name: str, loss: Loss) -> Task:
    return load_task(TaskSettings(name, folder / f"{name}.pth", loss), CPU)


def targets(count: int = 2, highest: int = 3) -> list[Target]:
    boxes = torch.tensor([[4.0, 4.0, 30.0, 40.0], [20.0, 10.0, 60.0, 44.0]])
    return [{"boxes": boxes, "labels": torch.tensor([1, highest])} for _ in range(count)]


def statistics(task: Task) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in task.student.named_buffers()}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("loss", ["features", "detections", "training"])
def test_loss_and_gradients(
    folder: Path, name: str, loss: Loss, originals: torch.Tensor, decoded: torch.Tensor
) -> None:
    task = load(folder, name, loss)
    assert task.needs_targets is (loss == "training")
    assert (task.suffix, task.needs_masks) == (".pth", False)
    assert all(key.startswith("student.") for key in task.state_dict())
    before = statistics(task)
    if loss != "training":
        assert task(originals, originals).item() == pytest.approx(0, abs=1e-5)
    for on in (False, True):
        task.trainable(on)
        task.train()
        decoded.grad = None
        value = task(decoded, originals, targets())
        assert value.ndim == 0
        assert 1e-3 < value.item() < 100
        value.backward()
        assert decoded.grad is not None
        assert torch.isfinite(decoded.grad).all()
        assert (decoded.grad.abs().amax((1, 2, 3)) > 0).all()
        moved = [p.grad is not None and p.grad.abs().max() > 0 for p in task.student.parameters()]
        assert sum(moved) > len(moved) / 2 if on else not any(moved)
    # Neither statistics of batch normalisation nor modes changed.
    assert not any(module.training for module in task.student.modules())
    assert all(torch.equal(value, before[key]) for key, value in task.student.named_buffers())


@pytest.mark.parametrize("name", SMALL)
def test_training_loss_is_the_models_own(
    folder: Path, name: str, originals: torch.Tensor, decoded: torch.Tensor
) -> None:
    """The sum of what the model itself reports in training mode, its batch normalisation frozen."""
    task = load(folder, name, "training")
    model = models.get_model(name, weights=None, weights_backbone=None, num_classes=4)
    model.load_state_dict(torch.load(folder / f"{name}.pth", weights_only=True))
    model.train()
    model.transform.eval()  # it would draw one of its sizes
    for module in model.modules():
        if isinstance(module, (torch.nn.BatchNorm2d, torch.nn.Dropout)):
            module.eval()
    torch.manual_seed(3)
    wanted: Any = model(list(decoded.detach()), targets())
    torch.manual_seed(3)
    found = task(decoded, originals, targets())
    assert found.item() == pytest.approx(sum(v.item() for v in wanted.values()), rel=1e-4)


@pytest.mark.parametrize("name", SMALL)
def test_training_loss_of_empty_pictures(
    folder: Path, name: str, originals: torch.Tensor, decoded: torch.Tensor
) -> None:
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    task = load(folder, name, "training")
    task(decoded, originals, [empty, targets()[0]]).backward()
    assert decoded.grad is not None
    assert torch.isfinite(decoded.grad).all()


def test_saved_model_is_a_detector(folder: Path, tmp_path: Path, originals: torch.Tensor) -> None:
    """What the student sees after some steps is what a detector with its file sees."""
    task = load(folder, SSD, "training")
    task.trainable(True)
    optimizer = torch.optim.SGD(task.parameters(), lr=1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        task(originals, originals, targets()).backward()
        optimizer.step()
    task.save(tmp_path / "task-0.pth")
    settings = DetectorSettings(
        SSD, weights=tmp_path / "task-0.pth", classes=("a", "b", "c"), device="cpu", score_threshold=0.01
    )
    found = load_detector(settings).detect([originals[0].permute(1, 2, 0).numpy()])[0]
    student: Any = task.student
    student.model.score_thresh = 0.01
    with torch.no_grad():
        wanted = student.model(list(originals[:1]))[0]
    assert len(found) > 0
    assert found.scores == pytest.approx(wanted["scores"].numpy(), abs=1e-5)
    assert found.boxes == pytest.approx(wanted["boxes"].numpy(), abs=1e-2)
    untrained = load(folder, SSD, "training").student.state_dict()
    assert any(not torch.equal(v, untrained[k]) for k, v in student.state_dict().items())


def test_epsilon_goes_into_the_variances() -> None:
    """A model that runs without epsilon, frozen as torchvision's own, read by one that has it."""
    from torchvision.ops import FrozenBatchNorm2d

    frozen = FrozenBatchNorm2d(3, eps=0.0)
    frozen.running_var.copy_(torch.tensor([1e-5, 0.5, 3.0]))
    frozen.running_mean.normal_()
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), frozen)
    reader = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.BatchNorm2d(3)).eval()
    with torch.device("meta"):
        like = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.BatchNorm2d(3))
    reader.load_state_dict(portable_state(model, like))
    x = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(reader(x), model(x), rtol=1e-4, atol=1e-4)


def test_stages_of_the_student_are_held(folder: Path, originals: torch.Tensor, decoded: torch.Tensor) -> None:
    """Both stages count: what changes only the first one's objectness, or only the second's scores, is a loss."""
    for part in ("rpn.head.cls_logits", "roi_heads.box_predictor.cls_score"):
        task = load(folder, FASTER, "detections")
        student: Any = task.student
        with torch.no_grad():
            student.model.get_submodule(part).bias[:1] += 1.0
            assert task(originals, originals).item() > 1e-3


@pytest.mark.parametrize("name", ["retinanet_resnet50_fpn", "fcos_resnet50_fpn", "maskrcnn_resnet50_fpn"])
def test_other_families(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large models: built, not saved and loaded, and on a small input."""
    import idse.features.torchvision_loading as loading
    from idse.features.torchvision_loading import LoadedModel

    torch.manual_seed(0)
    model: Any = models.get_model(name, weights=None, weights_backbone=None, num_classes=3)
    model.transform.min_size, model.transform.max_size = (64,), 96
    settled(model, torch.rand(2, 3, 64, 80))
    loaded = LoadedModel(model, "made here", "0" * 64, 3, ("background", "a", "b"), "rcnn" in name)
    monkeypatch.setattr(loading, "load_model", lambda *_: loaded)
    x = torch.rand(1, 3, 64, 80, generator=torch.Generator().manual_seed(0))
    y = (x + 0.1 * torch.randn(x.shape)).requires_grad_()
    task = load_task(TaskSettings(name, loss="detections"), CPU)
    task(y, x).backward()
    assert y.grad is not None
    assert y.grad.abs().max() > 0
    with torch.no_grad():
        assert task(x, x).item() == pytest.approx(0, abs=1e-5)
    own = load_task(TaskSettings(name, loss="training"), CPU)
    assert own.needs_masks is (name == "maskrcnn_resnet50_fpn")
    target = targets(1, 2)[0]
    if own.needs_masks:
        target["masks"] = torch.zeros(2, 64, 80, dtype=torch.uint8)
        target["masks"][:, 10:40, 20:30] = 1
    y.grad = None
    own(y, x, [target]).backward()
    assert y.grad is not None
    assert y.grad.abs().max() > 0
    assert not any(module.training for module in own.student.modules())


def test_labels_of_classes(folder: Path, tmp_path: Path) -> None:
    task = load(folder, SSD, "training")
    assert task.labels_of(("hen", "cat", "dog")) == [1, 2, 3]
    with pytest.raises(IdseError, match="knows 3 classes, but 2 are named"):
        task.labels_of(("hen", "cat"))
    whole = models.get_model(SSD, weights=None, weights_backbone=None, num_classes=91)
    torch.save(whole.state_dict(), tmp_path / f"{SSD}.pth")
    coco = load(tmp_path, SSD, "training")
    assert coco.labels_of(("Person", "stop sign", "toothbrush")) == [1, 13, 90]
    with pytest.raises(IdseError, match="has no class 'rider' of the data set"):
        coco.labels_of(("person", "rider"))
    with pytest.raises(IdseError, match="loss 'features' does not use annotations"):
        load(folder, SSD, "features").labels_of(("person",))


def test_what_goes_wrong(folder: Path, originals: torch.Tensor, decoded: torch.Tensor) -> None:
    task = load(folder, SSD, "training")
    with pytest.raises(IdseError, match="loss 'training' needs annotations"):
        task(decoded, originals)
    with pytest.raises(IdseError, match="2 pictures, but targets for 1"):
        task(decoded, originals, targets(1))
    with pytest.raises(IdseError, match="its weights are for 4 labels"):
        load_task(TaskSettings(SSD, folder / f"{SSD}.pth", "training", 91), CPU)
    with pytest.raises(IdseError, match="unknown detector 'ssd_of_mine'"):
        load_task(TaskSettings("ssd_of_mine"), CPU)
    with pytest.raises(IdseError, match="cannot read the weights"):
        load_task(TaskSettings(SSD, folder / "none.pth"), CPU)


def test_features_are_the_extractors(folder: Path, originals: torch.Tensor) -> None:
    from idse.features.loading import load_extractor

    task = load(folder, FASTER, "features")
    assert isinstance(task.student, TorchvisionStudent)
    wanted = load_extractor(FASTER, weights=folder / f"{FASTER}.pth", device="cpu").features(originals)
    for level, expected in zip(task.student(originals), wanted, strict=True):
        assert np.array_equal(level.numpy(), expected.numpy())
