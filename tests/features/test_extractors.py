"""`load_extractor` and torchvision's models."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from idse.errors import IdseError
from idse.features.base import FeatureExtractor
from idse.features.loading import load_extractor, pick_device
from idse.importance.estimate import estimate_map
from idse.media.frame import Frame

torchvision = pytest.importorskip("torchvision")
SMALL = "fasterrcnn_mobilenet_v3_large_320_fpn"


@pytest.fixture(scope="module")
def state_file(tmp_path_factory):
    torch.manual_seed(0)
    model = torchvision.models.get_model(SMALL, weights=None, weights_backbone=None)
    path = tmp_path_factory.mktemp("weights") / "model.pt"
    torch.save(model.state_dict(), path)
    return path


def test_torchvision_from_file(state_file):
    extractor = load_extractor(SMALL, weights=state_file, device="cpu")
    assert isinstance(extractor, FeatureExtractor)
    assert extractor.description["weights_sha256"]
    levels = extractor.features(torch.rand(1, 3, 48, 64))
    assert len(levels) == 2  # without the pooled one
    assert all(f.shape[1] == 256 for f in levels)
    rgb = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    item = estimate_map([Frame.from_rgb(rgb)], extractor=extractor, proj_dim=2)
    assert item.planes.shape == (1, 3, 6, 8)


def test_nodes(state_file):
    extractor = load_extractor(SMALL, weights=state_file, device="cpu", nodes=["pool"])
    assert len(extractor.features(torch.rand(1, 3, 48, 64))) == 1
    extractor = load_extractor(SMALL, weights=state_file, device="cpu", nodes=["p9"])
    with pytest.raises(IdseError, match="no feature node 'p9'; it has 0, 1, pool"):
        extractor.features(torch.rand(1, 3, 48, 64))


def test_bad_weights(tmp_path, state_file):
    (tmp_path / "text.pt").write_text("nothing")
    data = state_file.read_bytes()
    (tmp_path / "cut.pt").write_bytes(data[: len(data) // 2])
    torch.save({"backbone.x": torch.zeros(1)}, tmp_path / "other.pt")
    torch.save([1], tmp_path / "list.pt")
    for name, message in [
        ("none.pt", "cannot read the weights"),
        ("text.pt", "not a state dict that torch can load"),
        ("cut.pt", "not a state dict that torch can load"),
        ("other.pt", "does not fit this model"),
        ("list.pt", "not a state dict"),
    ]:
        with pytest.raises(IdseError, match=message):
            load_extractor(SMALL, weights=tmp_path / name, device="cpu")


def test_weights_not_reachable(monkeypatch):
    def offline(*args, **kwargs):
        raise OSError("offline")

    monkeypatch.setattr(torchvision.models, "get_model", offline)
    with pytest.raises(IdseError, match=r"not in torchvision's cache .*offline.* --weights FILE"):
        load_extractor(SMALL, device="cpu")


def test_unknown_names(tmp_path):
    with pytest.raises(
        IdseError, match=r"unknown detector 'yolo': must be embedded, an \.onnx file, or one of"
    ):
        load_extractor("yolo")
    with pytest.raises(IdseError, match="an ONNX file holds its weights"):
        load_extractor("a.onnx", weights=tmp_path / "w.pt")
    with pytest.raises(IdseError, match="fixed feature nodes"):
        load_extractor("embedded", nodes=["a"])


def test_devices(monkeypatch):
    assert pick_device("cpu").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    with pytest.raises(IdseError, match="no CUDA device here"):
        pick_device("cuda")
    for name in ("gpu", "mps", ""):
        with pytest.raises(IdseError, match="must be cpu, cuda or auto"):
            pick_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert pick_device("auto").type == "cuda"
    with pytest.raises(IdseError, match="device cuda:3: there are only 1"):
        pick_device("cuda:3")
