"""ONNX detectors: where their features are, and what goes wrong."""

from __future__ import annotations

import builtins
import json

import numpy as np
import pytest
import torch

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnx2torch")

import onnx_models  # noqa: E402

from idse.errors import IdseError  # noqa: E402
from idse.features.base import FeatureExtractor  # noqa: E402
from idse.features.loading import load_extractor  # noqa: E402
from idse.features.onnx import OnnxExtractor  # noqa: E402
from idse.importance.estimate import estimate_map  # noqa: E402
from idse.media.frame import Frame  # noqa: E402


def picture(width=50, height=40):
    return Frame.from_rgb(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


@pytest.mark.parametrize("channels", [(8, 8, 8), (8, 10, 12)])
def test_pyramid_nodes_are_found(tmp_path, channels):
    """Where the heads begin: channels of the levels alike (a level feeds no other) or not."""
    extractor = load_extractor(onnx_models.pyramid(tmp_path / "toy.onnx", channels), device="cpu")
    assert isinstance(extractor, FeatureExtractor)
    # With equal channels the f are one more layer of the same kind on every level: part of the heads.
    assert extractor.nodes == (["m8", "m16", "c32"] if channels == (8, 8, 8) else ["f8", "f16", "f32"])
    assert extractor.name == "toy"
    assert len(extractor.description["weights_sha256"]) == 64
    json.dumps(extractor.description)
    rgb = torch.rand(2, 3, 40, 50)
    levels = extractor.features(rgb)
    assert [tuple(f.shape[2:]) for f in levels] == [(8, 8), (4, 4), (2, 2)]
    for n in range(2):
        for both, one in zip(levels, extractor.features(rgb[n : n + 1]), strict=True):
            torch.testing.assert_close(both[n : n + 1], one)


def test_map_from_onnx(tmp_path):
    extractor = load_extractor(onnx_models.pyramid(tmp_path / "toy.onnx"), device="cpu")
    item = estimate_map([picture()], extractor=extractor)
    assert item.planes.shape == (1, 3, 5, 7)
    assert item.meta["extractor"]["nodes"] == extractor.nodes


def test_raw_outputs(tmp_path):
    extractor = OnnxExtractor(onnx_models.pyramid(tmp_path / "toy.onnx"))
    outputs = extractor.run(torch.rand(2, 3, 40, 50))
    assert {k: tuple(v.shape) for k, v in outputs.items()} == {"detections": (2, 12, 64 + 16 + 4)}


def test_backbone_nodes(tmp_path):
    extractor = load_extractor(onnx_models.backbone(tmp_path / "net.onnx"), device="cpu")
    assert extractor.nodes == ["s8", "s16", "s32"]


def test_named_nodes(tmp_path):
    path = onnx_models.backbone(tmp_path / "net.onnx")
    extractor = load_extractor(path, device="cpu", nodes=["s4"])
    assert [tuple(f.shape) for f in extractor.features(torch.rand(1, 3, 64, 64))] == [(1, 5, 16, 16)]
    with pytest.raises(
        IdseError, match="no tensor 's5' depends on the picture; found by itself: s8, s16, s32"
    ):
        load_extractor(path, device="cpu", nodes=["s5"])


def test_sidecar(tmp_path):
    path = onnx_models.pyramid(tmp_path / "toy.onnx", size=("h", "w"))
    assert OnnxExtractor(path).preprocess.size == (640, 640)
    sidecar = tmp_path / "toy.onnx.json"
    sidecar.write_text(
        '{"size": [96, 64], "order": "bgr", "scale": 255, "mean": 10, "nodes": ["c8"], "fit": "stretch"}'
    )
    extractor = OnnxExtractor(path)
    assert extractor.preprocess.size == (96, 64)
    assert extractor.preprocess.mean == (10.0, 10.0, 10.0)
    assert extractor.nodes == ["c8"]
    assert extractor.features(torch.rand(1, 3, 20, 20))[0].shape[2:] == (12, 8)
    for text, message in [
        ("[1]", "must be a JSON object"),
        ("{", "not a JSON file"),
        ('{"colour": 1}', "field 'colour' is unknown"),
        ('{"mean": [1, 2]}', "mean must have 3 values"),
        ('{"order": "gbr"}', "order must be rgb or bgr"),
        ('{"std": 0}', "must be above 0"),
    ]:
        sidecar.write_text(text)
        with pytest.raises(IdseError, match=message):
            OnnxExtractor(path)


def test_preprocess_fits():
    from idse.features.preprocess import Preprocess

    x = torch.ones(1, 3, 20, 40)
    centred = Preprocess((64, 64), pad=0.0)(x)
    assert centred[0, 0, 16:48].min() > 0.99
    assert centred[0, 0, :16].max() == 0
    corner = Preprocess((64, 64), fit="top_left", pad=51.0, scale=255.0)(x)
    assert corner[0, 0, :32].min() == pytest.approx(255)
    assert corner[0, 0, 32:].max() == pytest.approx(51)
    g = Preprocess((64, 64)).placement(40, 20)
    assert (g.width, g.height, g.left, g.top) == (64, 32, 0, 16)
    # 180 rows at 416 / 180 are 415.99...: boxes are computed as YOLOX does, which truncates.
    tall = Preprocess((416, 416))
    g, exact = tall.placement(100, 180), tall.placement(100, 180, exact_ratio=True)
    assert (g.width, g.height, g.scale_x, g.scale_y) == (231, 416, 2.31, 416 / 180)
    assert (exact.width, exact.height, exact.scale_x, exact.scale_y) == (231, 415, 416 / 180, 416 / 180)
    coloured = torch.stack([torch.full((8, 8), v) for v in (0.1, 0.2, 0.3)])[None]
    bgr = Preprocess((8, 8), order="bgr", mean=(0.3, 0.2, 0.1), std=(2.0, 2.0, 2.0))(coloured)
    torch.testing.assert_close(bgr, torch.zeros_like(bgr))


def test_strong_reduction_leaves_no_holes():
    from idse.features.preprocess import Preprocess

    x = torch.zeros(1, 3, 400, 400, requires_grad=True)
    Preprocess((50, 50))(x).sum().backward()
    assert x.grad is not None
    assert x.grad.min() > 0


def test_bad_models(tmp_path):
    (tmp_path / "text.onnx").write_text("no model at all")
    (tmp_path / "empty.onnx").write_bytes(b"")
    good = onnx_models.backbone(tmp_path / "net.onnx").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(good[: len(good) // 2])
    for name, message in [
        ("none.onnx", "cannot read the detector .*No such file"),
        ("text.onnx", "no ONNX model, or a corrupt one"),
        ("empty.onnx", "no ONNX model, or a corrupt one"),
        ("cut.onnx", "no ONNX model, or a corrupt one"),
    ]:
        with pytest.raises(IdseError, match=message):
            load_extractor(tmp_path / name, device="cpu")
    with pytest.raises(IdseError, match="cannot be made differentiable"):
        load_extractor(onnx_models.unsupported(tmp_path / "odd.onnx"), device="cpu")


def test_no_gradient(tmp_path):
    extractor = load_extractor(onnx_models.without_gradient(tmp_path / "int.onnx"), device="cpu")
    with pytest.raises(IdseError, match="no gradient flows"):
        estimate_map([picture()], extractor=extractor)


def test_no_picture_input(tmp_path):
    b = onnx_models.Builder()
    b.conv("picture", "s8", 4, 8)
    path = b.save(tmp_path / "m.onnx", ["s8"])
    model = onnx.load(str(path))
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 4
    onnx.save(model, str(path))
    with pytest.raises(IdseError, match="its input is not a picture"):
        OnnxExtractor(path)
    model.graph.input.append(onnx.helper.make_tensor_value_info("mask", onnx.TensorProto.FLOAT, [1]))
    onnx.save(model, str(path))
    with pytest.raises(IdseError, match="has 2 inputs"):
        OnnxExtractor(path)


def test_missing_package(tmp_path, monkeypatch):
    path = onnx_models.backbone(tmp_path / "net.onnx")
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "onnx2torch":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(IdseError, match=r"pip install 'idse\[detectors\]'"):
        OnnxExtractor(path)


@pytest.mark.parametrize(
    "file,layout,nodes",
    [
        ("yolox_nano", "yolox", ["input.471", "input.531", "input.591"]),
        ("nanodet_m", "nanodet", ["733", "753", "773"]),
    ],
)
def test_real_detectors(shared, file, layout, nodes, tmp_path):
    """Nodes and layout by structure (the file renamed), features against onnxruntime's."""
    runtime = pytest.importorskip("onnxruntime")
    path = tmp_path / "renamed.onnx"
    path.symlink_to(shared / "data" / "detectors" / f"{file}.onnx")
    extractor = OnnxExtractor(path)
    assert extractor.layout == layout
    assert extractor.nodes == nodes
    assert extractor.preprocess.order == "bgr"
    rgb = torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    levels = extractor.features(rgb)
    network = extractor.network(nodes)
    session = runtime.InferenceSession(network.source.SerializeToString())
    want = session.run(None, {extractor._input: extractor.preprocess(rgb[:1]).numpy()})
    for level, expected in zip(levels, want, strict=True):
        np.testing.assert_allclose(level[:1].numpy(), expected, atol=2e-4 * np.abs(expected).max())
    network(extractor.preprocess(rgb))
    assert network.batches
    item = estimate_map([picture()], extractor=extractor, proj_dim=2)
    assert item.planes.min() >= 0


@pytest.mark.parametrize("names", [["late", "early"], ["early", "late"], ["late"], ["late", "half"]])
def test_outputs_of_a_node_with_several(tmp_path, names):
    """They are the tensors that were asked for, in that order, as onnx's reference computes them."""
    from onnx.reference import ReferenceEvaluator

    b = onnx_models.Builder()
    b.conv("picture", "half", 5, 2)
    b.const("parts", [2, 3])
    b.nodes.append(onnx.helper.make_node("Split", ["half", "parts"], ["early", "late"], axis=1))
    path = b.save(tmp_path / "toy.onnx", ["early", "late", "half"])
    extractor = OnnxExtractor(path, nodes=["half"])
    x = torch.rand(1, 3, 64, 64)
    found = extractor.network(names)(extractor.preprocess(x))
    prepared = extractor.preprocess(x).numpy()
    wanted = ReferenceEvaluator(onnx.load(str(path))).run(names, {"picture": prepared})
    assert [f.shape for f in found] == [w.shape for w in wanted]
    for f, w in zip(found, wanted, strict=True):
        np.testing.assert_allclose(f.numpy(), w, atol=1e-4)
