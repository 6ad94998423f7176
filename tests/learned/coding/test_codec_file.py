"""A trained codec's file: the same codec comes back, and nothing else is taken for one."""

from __future__ import annotations

import dataclasses
import json
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("compressai", reason="learned codecs need compressai")

import torch

from idse.errors import IdseError
from idse.learned.coding.codec_file import CodecPoint, TrainedCodec, decoder_id, make_point
from idse.learned.models import MaskSettings, ModelSettings, build_codec, load_salience

SYSTEMS = ("scale-hyperprior", "icm", "joint-autoregressive")


@pytest.fixture(scope="module")
def saved(untrained_codec, tmp_path_factory):
    """A codec and its file."""
    codec, path = untrained_codec(), tmp_path_factory.mktemp("codec") / "a.idsec"
    codec.save(path)
    return codec, path


@pytest.mark.parametrize("system", SYSTEMS)
def test_comes_back_whole(untrained_codec, tmp_path, system):
    codec = untrained_codec(system)
    codec = dataclasses.replace(codec, provenance={"config": "[codec]\n", "seed": 3})
    codec.save(tmp_path / "a.idsec")
    back = TrainedCodec.load(tmp_path / "a.idsec")
    assert (back.name, back.settings, back.provenance) == (codec.name, codec.settings, codec.provenance)
    assert back.digest == codec.digest
    for i, (a, b) in enumerate(zip(codec.points, back.points, strict=True)):
        assert (a.label, a.epoch, a.figures, a.decoder_id) == (b.label, b.epoch, b.figures, b.decoder_id)
        model = back.model(i)
        assert not model.training
        assert decoder_id(model) == a.decoder_id
        assert a.state.keys() == model.state_dict().keys()
        for name, value in model.state_dict().items():
            torch.testing.assert_close(value, a.state[name], rtol=0, atol=0)


def test_points_lie_by_falling_rate(untrained_codec):
    codec = untrained_codec()
    turned = dataclasses.replace(codec, points=codec.points[::-1])
    assert [p.figures["bpp"] for p in turned.points] == [4, 1]
    assert turned.digest == codec.digest


def test_a_point_is_not_changed_by_further_training(untrained_codec):
    """`make_point` keeps copies; and an encoder that was trained alone leaves the decoder's id."""
    settings = untrained_codec().settings
    model = build_codec(settings).train()
    point = make_point(model, "a", 0, {})
    assert model.training
    before = {k: v.clone() for k, v in point.state.items()}
    with torch.no_grad():
        model.g_a[0].weight += 1
    assert all(torch.equal(before[k], point.state[k]) for k in before)
    assert make_point(model, "b", 1, {}).decoder_id == point.decoder_id
    with torch.no_grad():
        model.h_s[0].weight += 1
    assert make_point(model, "c", 2, {}).decoder_id != point.decoder_id


def test_digest_is_of_what_decides_the_bytes(untrained_codec):
    codec = untrained_codec()
    assert dataclasses.replace(codec, name="other", provenance={"x": 1}).digest == codec.digest
    assert untrained_codec(seed=1).digest != codec.digest
    assert dataclasses.replace(codec, points=codec.points[:1]).digest != codec.digest
    assert dataclasses.replace(codec, detector=b"x").digest != codec.digest


def test_find_and_point(saved):
    codec, _ = saved
    assert [codec.find(p.decoder_id) for p in codec.points] == [0, 1]
    with pytest.raises(IdseError, match=r"^a\.idsl: not made by codec 'scale-hyperprior'"):
        codec.find(1, "a.idsl")
    for point in (-1, 2):
        with pytest.raises(IdseError, match=rf"point {point}: must be 0..1"):
            codec.model(point)


def test_damage_is_told(saved, tmp_path):
    data = saved[1].read_bytes()
    path = tmp_path / "a.idsec"
    step = max(1, len(data) // 60)
    told = 0
    for at in range(4, len(data), step):
        changed = bytearray(data)
        changed[at] ^= 0x40
        path.write_bytes(changed)
        try:
            same = TrainedCodec.load(path).digest == saved[0].digest
        except IdseError as error:
            assert "is damaged" in str(error) or "not a trained codec file" in str(error)
            told += 1
        else:
            assert same  # padding between the archive's records
    assert told > 30
    for length in (4, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(IdseError, match="the codec file is damaged"):
            TrainedCodec.load(path)


def test_foreign_files_are_told(saved, tmp_path):
    with pytest.raises(IdseError, match="no such codec file: make one with 'idse train'"):
        TrainedCodec.load(tmp_path / "absent.idsec")
    with pytest.raises(IdseError, match="cannot be read"):
        TrainedCodec.load(tmp_path)
    path = tmp_path / "a.idsec"
    path.write_bytes(b"")
    with pytest.raises(IdseError, match="not a trained codec file"):
        TrainedCodec.load(path)
    torch.save({"weights": torch.zeros(3)}, path)
    with pytest.raises(IdseError, match="not a trained codec file"):
        TrainedCodec.load(path)
    held = torch.load(saved[1], weights_only=True)
    torch.save(held | {"format": "idse learned codec 7"}, path)
    with pytest.raises(IdseError, match="idse learned codec 7: this idse reads 'idse learned codec 1'"):
        TrainedCodec.load(path)


def crafted(saved, path, change):
    """The codec's file with something else in it, and its digest as `change` makes it right."""
    held = torch.load(saved[1], weights_only=True)
    about = json.loads(held["about"])
    change(held, about)
    if isinstance(about, dict):
        about.setdefault("digest", "")
        held["about"] = json.dumps(about)
    torch.save(held, path)
    return path


def seal(held, about):
    """Make the digest right again."""
    points = [CodecPoint("", 0, {}, state, 0) for state in held["states"]]
    settings = ModelSettings.from_dict(about["settings"])
    about["digest"] = TrainedCodec("", settings, points, {}, held["detector"].numpy().tobytes()).digest


def settings_of(**values):
    def change(held, about):
        about["settings"] |= values
        seal(held, about)

    return change


def tensor(name, make):
    def change(held, about):
        for state in held["states"]:
            state[name] = make(state[name])
        seal(held, about)

    return change


def put(index, value):
    def change(table):
        table = table.clone()
        table[index] = value
        return table

    return change


def about_of(key, value):
    def change(held, about):
        about[key] = value

    return change


CDF = "entropy_bottleneck._quantized_cdf"
CRAFTED = {
    "a network larger than the file": settings_of(channels=4096, latent=4092),
    "another network": settings_of(channels=24),
    "a tensor of another shape": tensor("g_a.0.bias", lambda t: torch.zeros(7)),
    "a tensor more": lambda held, about: held["states"][0].update(more=torch.zeros(1)),
    "a tensor of nothing but a stride": lambda held, about: held["states"][0].update(
        more=torch.zeros(1).expand(1 << 40)
    ),
    "a sparse tensor": lambda held, about: held["states"][0].update(more=torch.zeros(2, 2).to_sparse()),
    "no tensor": lambda held, about: held["states"][0].update(more=3),
    "a detector of nothing but a stride": lambda held, about: held.update(
        detector=torch.zeros(1, dtype=torch.uint8).expand(1 << 40)
    ),
    "a table that falls": tensor(CDF, put((0, 1), 0)),
    "a table that does not end": tensor(CDF, put((0, slice(None)), 0)),
    "a length beyond the table": tensor("entropy_bottleneck._cdf_length", put(0, 1 << 20)),
    "a negative length": tensor("gaussian_conditional._cdf_length", put(0, -1)),
    "fewer tables": tensor("gaussian_conditional._cdf_length", lambda t: t[:3]),
    "tables of another type": tensor(CDF, lambda t: t.float()),
    "no words": lambda held, about: (about.clear(), held.update(about=3)),
    "no figures": about_of(
        "points", [{"label": "", "epoch": 0, "figures": {"bpp": "a"}, "decoder_id": 0}] * 2
    ),
    "no points": lambda held, about: (about.update(points=[]), held.update(states=[])),
    "no digest": about_of("digest", None),
}


def test_a_file_crafted_as_it_was_is_taken(saved, tmp_path):
    assert TrainedCodec.load(crafted(saved, tmp_path / "a.idsec", seal)).digest == saved[0].digest


@pytest.mark.parametrize("case", CRAFTED)
def test_crafted_files_are_told_before_they_take_memory(saved, tmp_path, case):
    path = crafted(saved, tmp_path / "a.idsec", CRAFTED[case])
    with pytest.raises(IdseError, match="the codec file is damaged"):
        TrainedCodec.load(path)


def test_words_nested_deep_and_archives_that_grow_are_told(saved, tmp_path):
    held = torch.load(saved[1], weights_only=True)
    torch.save(held | {"about": "[" * 200_000}, tmp_path / "deep.idsec")
    with zipfile.ZipFile(saved[1]) as source, zipfile.ZipFile(tmp_path / "bomb.idsec", "w") as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry), zipfile.ZIP_DEFLATED)
    for name in ("deep", "bomb"):
        with pytest.raises(IdseError, match="the codec file is damaged"):
            TrainedCodec.load(tmp_path / f"{name}.idsec")


class Harm:
    """What a pickle does when it is loaded."""

    def __reduce__(self):
        return Path.touch, (Path("harmed"),)


def test_opening_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"format": "idse learned codec 1", "about": Harm()}, "a.idsec")
    with pytest.raises(IdseError, match="damaged"):
        TrainedCodec.load("a.idsec")
    assert not Path("harmed").exists()


def test_a_masked_codec_brings_its_detector(tmp_path):
    """Once trained, the ONNX file may be gone."""
    pytest.importorskip("onnx", reason="ONNX detectors need onnx")
    pytest.importorskip("onnx2torch", reason="ONNX detectors need onnx2torch")
    sys.path.insert(0, str(Path(__file__).parents[2] / "features"))
    import onnx_models

    from idse.engines.verify import compare
    from idse.learned.coding.coder import decode_stream, encode_frames
    from idse.media.frame import Frame

    file = onnx_models.pyramid(tmp_path / "toy.onnx")
    salience = load_salience(MaskSettings(str(file)), "cpu")
    channels = salience.channels()
    settings = ModelSettings("scale-hyperprior", 12, 18, mask=salience.settled())
    torch.manual_seed(0)
    model = build_codec(settings, channels)
    model.g_a[-1].weight.data *= 400
    model.h_a[-1].weight.data *= 20
    points = []
    for bpp, bias in ((2.0, -20.0), (1.0, 20.0)):  # alpha 0: nothing is drawn; 1: everything
        model.mask.layer.bias.data.fill_(bias)
        points.append(make_point(model, str(bias), 0, {"bpp": bpp}))
    assert points[0].decoder_id == points[1].decoder_id  # the decoder knows nothing of masks
    codec = TrainedCodec("lsm", settings, points, detector=Path(file).read_bytes())
    codec.save(tmp_path / "a.idsec")
    Path(file).unlink()
    back = TrainedCodec.load(tmp_path / "a.idsec")
    assert back.digest == codec.digest
    generator = torch.Generator().manual_seed(1)
    frame = Frame.from_rgb((torch.rand(70, 90, 3, generator=generator) * 255).to(torch.uint8).numpy())
    plain, drawn = (encode_frames(back, i, [frame]) for i in (0, 1))
    assert len(drawn.data) < len(plain.data) / 3
    for coded in (plain, drawn):
        compare(decode_stream(coded.data, back), [f.recon for f in coded.frames])
