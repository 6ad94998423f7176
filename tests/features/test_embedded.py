"""The embedded extractor, its weights, and the script that trains them."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from idse.errors import IdseError
from idse.features import embedded
from idse.features.base import FeatureExtractor
from idse.features.embedded_file import read_weights
from idse.features.loading import load_extractor
from idse.importance.estimate import activity_map, estimate_map
from idse.importance.maker import ImportanceSettings, MapMaker
from idse.importance.profile import ProfileSum
from idse.importance.targets import target_function
from idse.media.frame import Frame

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def extractor() -> embedded.EmbeddedExtractor:
    return embedded.load_embedded()


def photo(width, height, seed=0):
    """Smooth on the left, textured on the right."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (max(2, height // 8), max(2, width // 8), 3), np.uint8)
    pixels = np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    pixels[:, width // 2 :] += rng.integers(-40, 41, pixels[:, width // 2 :].shape)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def test_weights_in_the_package(extractor):
    assert embedded.WEIGHTS.stat().st_size <= 2_000_000
    assert isinstance(extractor, FeatureExtractor)
    assert extractor.name == "embedded" and extractor.description["kind"] == "embedded"
    assert len(extractor.description["weights_sha256"]) == 64
    training = extractor.description["training"]
    assert {"pictures_sha256", "detectors_sha256", "seed", "epochs", "versions"} <= training.keys()
    json.dumps(extractor.description)
    assert load_extractor("embedded", device="cpu").description == extractor.description


@pytest.mark.parametrize(
    ("height", "width"),
    [(1, 1), (2, 8), (8, 8), (9, 7), (33, 65), (480, 640), (427, 641), (8, 2048), (1600, 1200)],
)
def test_any_size(extractor, height, width):
    rgb = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1)).requires_grad_()
    luma, chroma = extractor.features(rgb)
    assert luma.shape == (1, 1, height, width)
    assert chroma.shape == (1, 2, -(-height // 2), -(-width // 2))
    (slope,) = torch.autograd.grad(luma.sum() + chroma.square().sum(), rgb)
    assert torch.isfinite(slope).all() and slope.abs().sum() > 0


def test_pictures_of_a_batch_are_independent_and_the_same_twice(extractor):
    rgb = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(2))
    both, alone = extractor.features(rgb), extractor.features(rgb[1:])
    for a, b in zip(both, alone, strict=True):
        assert torch.allclose(a[1:], b, rtol=1e-4, atol=1e-4)
    for a, b in zip(both, extractor.features(rgb), strict=True):
        assert torch.equal(a, b)


def test_values_a_little_outside_and_without_gradients(extractor):
    rgb = torch.rand(1, 3, 40, 40) * 1.2 - 0.1
    with torch.no_grad():
        assert all(torch.isfinite(f).all() for f in extractor.features(rgb))


@pytest.mark.parametrize("rows", [1, 4])
def test_the_sketched_jacobian_is_the_predicted_map(extractor, rows):
    """Luma exactly, chroma on average, whatever the seed."""
    frame = Frame.from_rgb(photo(120, 72))
    rgb = torch.from_numpy(frame.to_rgb(as_float=True)).permute(2, 0, 1)[None]
    predicted = extractor.log_gains(rgb)[0].exp().numpy()
    found = estimate_map([frame], extractor=extractor, proj_dim=rows, clip_percentile=100, seed=rows)
    ratio = found.planes[0] * 255.0**2 / predicted
    np.testing.assert_allclose(ratio[0], 1, rtol=1e-3)
    assert ratio[1:].mean((1, 2)) == pytest.approx(1, abs=0.15)


def test_the_map_tells_parts_of_a_picture_apart_and_weighs_chroma_more(extractor):
    muted = (0.2 * photo(320, 240) + 0.8 * photo(320, 240).mean(2, keepdims=True)).astype(np.uint8)
    planes = estimate_map([Frame.from_rgb(muted)], extractor=extractor).planes[0]
    assert planes[0].max() / planes[0].min() > 2
    assert planes[1].mean() > planes[0].mean() and planes[2].mean() > planes[0].mean()


def test_masking_is_the_control_without_a_network():
    frame = Frame.from_rgb(photo(120, 72))
    luma = torch.from_numpy(frame.planes[0]).float()[None, None] / 255
    inner = (slice(1, -1), slice(1, -1))
    control = activity_map([frame]).planes[0, 0][inner]
    found = embedded.masking(luma)[0, 0].exp().numpy()[inner]
    np.testing.assert_allclose(found, 4 * control, rtol=1e-3)


def test_grey_pictures(extractor):
    grey = Frame.from_rgb(photo(64, 48), chroma_format="400")
    assert estimate_map([grey], extractor=extractor).planes.shape == (1, 1, 6, 8)


# --- the weights file ---


def test_weights_come_back(tmp_path):
    torch.manual_seed(0)
    net = embedded.SensitivityNet((4, 6, 8, 8, 8), 4)
    embedded.save_weights(tmp_path / "w.npz", net, {"seed": 7}, 1.5, 0.5)
    loaded = embedded.load_embedded("cpu", tmp_path / "w.npz")
    assert loaded.description["training"] == {"seed": 7} and (loaded.contrast, loaded.masking) == (1.5, 0.5)
    for a, b in zip(net.state_dict().values(), loaded.net.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_weights_of_the_first_format_know_features_only(tmp_path):
    """Files that older versions wrote still make the maps that they made then."""
    torch.manual_seed(0)
    net = embedded.SensitivityNet((4, 6, 8, 8, 8), 4, ("features",))
    embedded.save_weights(tmp_path / "w.npz", net, {}, 1.3, 1.0)
    with np.load(tmp_path / "w.npz") as archive:
        arrays = {k: archive[k] for k in archive.files}
    header = json.loads(str(arrays["__meta__"])) | {"format": 1}
    del header["targets"]
    arrays["__meta__"] = np.array(json.dumps(header))
    np.savez(tmp_path / "old.npz", **arrays)
    new, old = (embedded.load_embedded("cpu", tmp_path / name) for name in ("w.npz", "old.npz"))
    assert old.targets == ("features",)
    rgb = torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(1))
    assert torch.equal(old.log_gains(rgb), new.log_gains(rgb))
    with pytest.raises(IdseError, match="know the target features only; choose --target features"):
        target_function(old, "both", rgb)


def test_weights_of_the_second_format_have_no_profiles(tmp_path):
    """Their maps have none either: what the network's own rows would show is not what its teachers use."""
    torch.manual_seed(0)
    net = embedded.SensitivityNet((4, 6, 8, 8, 8), 4)
    tables = {"both": np.ones((3, 8, 8), np.float32)}
    embedded.save_weights(tmp_path / "w.npz", net, {}, profiles=tables)
    with np.load(tmp_path / "w.npz") as archive:
        arrays = {k: archive[k] for k in archive.files}
    header = json.loads(str(arrays["__meta__"])) | {"format": 2}
    del header["profiles"]
    arrays["__meta__"] = np.array(json.dumps(header))
    np.savez(tmp_path / "old.npz", **arrays)
    frame = Frame.from_rgb(photo(56, 40))
    new, old = (embedded.load_embedded("cpu", tmp_path / name) for name in ("w.npz", "old.npz"))
    made = [estimate_map([frame], extractor=e, target="both") for e in (new, old)]
    np.testing.assert_array_equal(made[0].planes, made[1].planes)
    np.testing.assert_array_equal(made[0].profiles, np.ones((1, 3, 8, 8)))
    assert made[0].meta["profile"]["target"] == "both"
    assert old.profiles == {} and made[1].profiles is None and "profile" not in made[1].meta
    assert estimate_map([frame], extractor=new, target="features").profiles is None


def test_profiles_come_back(tmp_path):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    tables = {t: rng.random((3, 8, 8)).astype(np.float32) * 4 for t in embedded.TARGETS}
    embedded.save_weights(tmp_path / "w.npz", embedded.SensitivityNet((4, 6, 8, 8, 8), 4), {}, profiles=tables)
    read = read_weights(tmp_path / "w.npz").profiles
    for target, table in tables.items():
        np.testing.assert_allclose(read[target], table / table.mean((1, 2), keepdims=True), rtol=1e-4, atol=1e-5)


def test_the_package_has_profiles_of_its_teachers(extractor):
    """Low-pass, chroma more than luma; features and detections differ."""
    for target in embedded.TARGETS:
        luma, *chroma = extractor.profiles[target]
        assert luma[:3, :3].mean() > 4 * luma[5:, 5:].mean()
        for table in chroma:
            assert table[:3, :3].mean() > 20 * table[5:, 5:].mean()
    assert not np.allclose(extractor.profiles["features"], extractor.profiles["detections"], rtol=0.05)


def test_each_target_has_gains_of_its_own(tmp_path):
    torch.manual_seed(0)
    net = embedded.SensitivityNet((4, 6, 8, 8, 8), 4)
    embedded.save_weights(tmp_path / "w.npz", net, {})
    loaded = embedded.load_embedded("cpu", tmp_path / "w.npz")
    rgb = torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(1))
    gains = [loaded.log_gains(rgb, target) for target in embedded.TARGETS]
    assert not torch.allclose(gains[0], gains[1]) and not torch.allclose(gains[1], gains[2])
    frame = Frame.from_rgb(photo(56, 40))
    made = MapMaker(ImportanceSettings(target="both"), load_extractor=lambda *_: loaded)([frame])
    assert made.meta["target"] == "both"  # predicted whole, not added
    want = estimate_map([frame], extractor=loaded, target="both")
    np.testing.assert_array_equal(made.planes, want.planes)


def _with_header(tmp_path, **changes):
    with np.load(embedded.WEIGHTS) as archive:
        arrays = {k: archive[k] for k in archive.files}
    header = json.loads(str(arrays["__meta__"])) | changes
    arrays["__meta__"] = np.array(json.dumps(header))
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read"),
        (lambda _: b"", "not a weights file"),
        (lambda _: b"no archive at all", "not a weights file"),
        (lambda _: embedded.WEIGHTS.read_bytes()[:20000], "not a weights file"),
        (lambda p: _with_header(p, format=99), "format 99"),
        (lambda p: _with_header(p, width=7), "not a weights file"),
        (lambda p: _with_header(p, channels="?"), "not a weights file"),
        (lambda p: _with_header(p, channels=[1, 2]), "not a weights file"),
        (lambda p: _with_header(p, contrast=0), "not a weights file"),
        (lambda p: _with_header(p, masking=-1), "not a weights file"),
        (lambda p: _with_header(p, profiles=[1]), "not a weights file"),
        (lambda p: _with_header(p, profiles={"both": [[1.0] * 8] * 8}), "not a weights file"),
        (lambda p: _with_header(p, profiles={"both": [[[-1.0] * 8] * 8] * 3}), "not a weights file"),
        (lambda p: _with_header(p, profiles={"both": [[[0.0] * 8] * 8] * 3}), "not a weights file"),
        (lambda p: _with_header(p, profiles={"some": [[[1.0] * 8] * 8] * 3}), "not a weights file"),
    ],
)
def test_bad_weights(tmp_path, content, words):
    path = tmp_path / "w.npz"
    if content is not None:
        path.write_bytes(content(tmp_path))
    with pytest.raises(IdseError, match=words) as caught:
        embedded.load_embedded("cpu", path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_flipped_byte_in_the_weights(tmp_path):
    data = bytearray(embedded.WEIGHTS.read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "w.npz").write_bytes(bytes(data))
    with pytest.raises(IdseError, match="not a weights file"):
        embedded.load_embedded("cpu", tmp_path / "w.npz")


# --- the training script ---


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("train_embedded", ROOT / "scripts" / "train_embedded.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["train_embedded"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def arguments(tmp_path):
    pytest.importorskip("onnx2torch")
    import toys

    (tmp_path / "pictures").mkdir()
    for k in range(5):
        Image.fromarray(photo(96 + 8 * k, 72, k)).save(tmp_path / "pictures" / f"{k}.png")
    detector = toys.yolox(tmp_path / "toy.onnx")
    return [
        "--data", str(tmp_path / "pictures"), "--detectors", str(detector), "--cache", str(tmp_path / "cache"),
        "--views", "2", "--rows", "2", "--qualities", "40", "--crop", "64", "--batch", "2", "--hold-out", "1",
        "--channels", "4", "4", "8", "8", "8", "--width", "4", "--epochs", "3",
    ]  # fmt: skip


def test_training_runs_and_resumes_to_the_same_weights(tmp_path, script, arguments, capsys):
    whole, parts = tmp_path / "whole.npz", tmp_path / "parts.npz"
    assert script.main([*arguments, "-o", str(whole)]) == 0
    assert "activity" in capsys.readouterr().out
    assert script.main([*arguments, "-o", str(parts), "--stop-after", "1"]) == 0
    assert parts.read_bytes() != whole.read_bytes()
    assert script.main([*arguments, "-o", str(parts), "--resume"]) == 0
    a, b = (embedded.load_embedded("cpu", p) for p in (whole, parts))
    for x, y in zip(a.net.state_dict().values(), b.net.state_dict().values(), strict=True):
        assert torch.equal(x, y)
    training = a.description["training"]
    assert training["pictures"] == 5 and training["epochs"] == 3 and training["steps"] == 12
    assert training["held_out"] == ["2.png"] and set(training["detectors_sha256"]) == {"toy.onnx"}
    assert training["held_out_figures"].keys() == {"features", "detections", "both"}
    for rows in training["held_out_figures"].values():
        assert set(rows) == {"network", "embedded", "activity", "teachers"}
    assert len(a.features(torch.rand(1, 3, 40, 40))) == 2


def test_profiles_alone_are_renewed(tmp_path, script, arguments):
    """The network's arrays stay, bit for bit; the tables are those that maps of the training pictures have."""
    out = tmp_path / "w.npz"
    assert script.main([*arguments, "-o", str(out)]) == 0
    before = read_weights(out)
    assert set(before.profiles) == set(embedded.TARGETS)
    assert before.header["training"]["profiles"]["pictures"]["both"] == 4
    assert script.main([*arguments, "-o", str(out), "--profiles-only", "--seed", "5"]) == 0
    after = read_weights(out)
    assert before.arrays.keys() == after.arrays.keys()
    for name, array in before.arrays.items():
        assert array.tobytes() == after.arrays[name].tobytes()
    assert after.header["training"]["profiles"]["seed"] == 5
    kept = {k: v for k, v in before.header.items() if k not in ("profiles", "training")}
    assert kept == {k: v for k, v in after.header.items() if k not in ("profiles", "training")}
    assert not np.allclose(before.profiles["both"], after.profiles["both"], rtol=1e-3)
    total = ProfileSum()
    for path in sorted((tmp_path / "pictures").iterdir()):
        if path.name != "2.png":  # held out
            frame = Frame.from_rgb(np.asarray(Image.open(path)))
            settings = ImportanceSettings(detector=str(tmp_path / "toy.onnx"), proj_dim=2, seed=5)
            total.add(MapMaker(settings)([frame]).profiles)
    np.testing.assert_allclose(after.profiles["both"], total.mean(), rtol=1e-3, atol=1e-5)


def test_profiles_need_weights(tmp_path, script, arguments, capsys):
    assert script.main([*arguments, "-o", str(tmp_path / "w.npz"), "--profiles-only"]) == 2
    assert "w.npz: cannot read the embedded extractor's weights" in capsys.readouterr().err
    net = embedded.SensitivityNet((4, 6, 8, 8, 8), 4, ("features",))
    embedded.save_weights(tmp_path / "w.npz", net, {})
    assert script.main([*arguments, "-o", str(tmp_path / "w.npz"), "--profiles-only"]) == 2
    assert "weights of features only; train them again" in capsys.readouterr().err


def test_training_learns(script):
    """A map that follows the picture's colour is found from few samples."""
    rng = np.random.default_rng(0)
    samples = []
    for _ in range(8):
        coarse = rng.random((1, 8, 8)).astype(np.float32)
        red = np.kron(coarse[0], np.ones((8, 8), np.float32))
        picture = torch.from_numpy(np.stack([red, red * 0 + 0.5, red * 0 + 0.5]) * 255).to(torch.uint8)
        target = torch.from_numpy(np.kron(coarse, np.ones((3, 2, 2), np.float32)) * 2)
        samples.append(script.Sample(picture, target.reshape(3, 16, 16).repeat(3, 1, 1)))
    settings = script.TrainSettings(40, 4, 64, 1e-2, 0.0, 0, (4, 8, 8, 8, 8), 8)
    trainer = script.Trainer(samples, settings, "")
    losses = [trainer.run_epoch() for _ in range(40)]
    assert losses[-1][1] < 0.5 * losses[0][1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["--data", "nowhere"], "no such folder"),
        (["--data", "."], "no pictures"),
        (["--detectors", "nothing.onnx"], "nothing.onnx"),
        (["--crop", "100"], "--crop 100"),
        (["--epochs", "0"], "--epochs 0"),
        (["--hold-out", "5"], "--hold-out 5"),
        (["--qualities", "0"], "--qualities"),
        (["--parts", "0", "0", "0"], "--parts"),
        (["--contrast", "0"], "--contrast"),
        (["--masking", "-1"], "--masking"),
        (["--resume"], "no checkpoint"),
        (["-o", "nowhere/w.npz"], "no such folder"),
    ],
)
def test_errors_of_the_script(tmp_path, monkeypatch, script, arguments, capsys, changes, words):
    monkeypatch.chdir(tmp_path)
    assert script.main([*arguments, "-o", "w.npz", *changes]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert words in lines[-1] and lines[-1].startswith("train_embedded: ")


def test_a_corrupt_picture_and_a_foreign_checkpoint(tmp_path, script, arguments, capsys):
    out = ["-o", str(tmp_path / "w.npz")]
    assert script.main([*arguments, *out, "--stop-after", "1"]) == 0
    assert script.main([*arguments, *out, "--resume", "--lr", "0.1"]) == 2
    assert "of other pictures or settings" in capsys.readouterr().err
    (tmp_path / "w.npz.checkpoint").write_bytes(b"nothing")
    assert script.main([*arguments, *out, "--resume"]) == 2
    assert "not a checkpoint" in capsys.readouterr().err
    (tmp_path / "pictures" / "9.png").write_bytes(b"nothing")
    assert script.main([*arguments, *out]) == 2
    assert "9.png: cannot read the picture" in capsys.readouterr().err
