"""`scripts/vtm_conformance.py` with the made-up encoder and the made-up tree."""

from __future__ import annotations

import functools
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from made_up_vtm import COST
from PIL import Image

from idse.devtools.conformance import vtm as vtm_conformance
from idse.devtools.conformance import vtm_unpatching
from idse.devtools.conformance.vtm import CHECKS, Bench, Subject
from idse.engines.base import EncodedStream
from idse.errors import IdseError
from idse.media.frame import Frame
from idse.vtm import patcher
from idse.vtm.options import TOOLS

SCRIPT = Path(__file__).parents[2] / "scripts" / "vtm_conformance.py"


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("vtm_conformance_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def fresh_engines():
    vtm_conformance._engine.cache_clear()


@pytest.fixture
def checkout(tmp_path):
    """Makes a checkout with the made-up encoder; `sps` is a part of its streams."""

    def make(version: str = "23.13", *, patched: bool, sps: str = "SPS-SPS") -> Path:
        root = tmp_path / f"VTM-{version}-{patched}"
        (root / "source/Lib/CommonLib").mkdir(parents=True)
        (root / "source/Lib/CommonLib/version.h").write_text(f'#define VTM_VERSION "{version}"\n')
        for name in ("cfg/encoder_intra_vtm.cfg", "cfg/encoder_lowdelay_vtm.cfg", "bin/EncoderAppStatic"):
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text("")
        body = Path(__file__).with_name("fake_encoder.py").read_text().replace("SPS-SPS", sps)
        program = root / "bin/EncoderAppStatic"
        program.write_text(f"#!{sys.executable} -S\nPATCHED = {patched}\n{body}")
        program.chmod(0o755)
        return root

    return make


@pytest.fixture
def picture(tmp_path) -> Path:
    rgb = np.random.default_rng(3).integers(0, 256, (40, 64, 3), np.uint8)
    path = tmp_path / "picture.png"
    Image.fromarray(rgb).save(path)
    return path


@pytest.fixture
def decodes(monkeypatch):
    """The made-up encoder's reconstruction is its source; what FFmpeg gives is that and `error` in a sample."""

    def set_up(source: Frame, error: int = 0) -> None:
        frame = source.with_bit_depth(10)
        planes = tuple(p.copy() for p in frame.planes)
        planes[1][2, 3] ^= error
        monkeypatch.setattr(vtm_conformance, "decode_vvc", lambda data: [Frame(planes, 10)])

    return set_up


def arguments(script, tmp_path, patched: Path, reference: Path, picture: Path):
    words = [
        "--patched",
        patched,
        "--reference",
        reference,
        "--pictures",
        picture,
        "--qps",
        32,
        "--crop",
        "32x24",
    ]
    return script.parse([*map(str, words), "--work", str(tmp_path / "work")])


def test_all_hold(script, checkout, picture, decodes, tmp_path, capsys):
    decodes(vtm_conformance.load_shifted(picture, (32, 24), 1)[0])
    reference = checkout(patched=False) / "bin/EncoderAppStatic"
    assert script.run(arguments(script, tmp_path, checkout(patched=True), reference, picture)) == 0
    said = capsys.readouterr().out
    for check in CHECKS[:-1]:
        assert f"ok   picture intra QP 32: {check} (" in said
        assert f"\n1 of 1  {check}\n" in said
    assert said.endswith("6 of 6 checks held\n")
    assert "intra: 27.0 % of the distortion calls weighted" in said
    assert not (tmp_path / "work").exists()


def test_other_bytes_and_other_samples_fail(script, checkout, picture, decodes, tmp_path, capsys):
    decodes(vtm_conformance.load_shifted(picture, (32, 24), 1)[0], error=1)
    options = arguments(
        script, tmp_path, checkout(patched=True, sps="SPS-spS"), checkout(patched=False), picture
    )
    assert script.run(options) == 1
    said = capsys.readouterr().out
    for check in CHECKS[:4]:
        assert f"0 of 1  {check}\n" in said
    assert "others from the untouched encoder" in said
    assert " bytes, 27.0 % weighted): FFmpeg: picture 0 U: 1 of 192 samples differ" in said
    assert said.endswith("0 of 6 checks held\n")
    assert len(list((tmp_path / "work").glob("picture-intra-QP-32-*.266"))) == 6


def test_refusals(checkout, tmp_path):
    patched, plain = checkout(patched=True), checkout(patched=False)
    with pytest.raises(IdseError, match="this encoder is patched"):
        Bench(patched, patched)
    with pytest.raises(IdseError, match="is not patched"):
        Bench(plain, plain)
    with pytest.raises(IdseError, match=r"is VTM 10\.0"):
        Bench(patched, checkout("10.0", patched=False))
    old = checkout("8.2", patched=True), checkout("8.2", patched=False)
    with pytest.raises(IdseError, match="name VTM's DecoderApp"):
        Bench(*old)
    assert Bench(*old, decoder=Path("DecoderApp")).decoders == ["VTM's DecoderApp"]


def test_a_failed_encode_is_a_failed_check(script, checkout, picture, tmp_path, capsys):
    patched = checkout(patched=True)
    options = arguments(script, tmp_path, patched, checkout(patched=False), picture)
    program = patched / "bin/EncoderAppStatic"
    program.write_text(program.read_text().replace("if fake ==", "if weights := options.get('IDSEWeightMap'):\n"
                                                   "    os.abort()\nif fake ==", 1))  # fmt: skip
    assert script.run(options) == 1
    said = capsys.readouterr().out
    assert said.count("VTM was ended by SIGABRT") == 5
    assert "1 of 1  no map" in said


@pytest.mark.parametrize(
    ("shown", "problem"),
    [([2], ""), ([1], "picture 1 changed, the weights are those of 2"), ([], "picture 2 did not change")],
)
def test_each_picture_its_own_weights(checkout, monkeypatch, shown, problem):
    """Engines whose reconstruction shows where weights were seen."""
    frames = tuple(Frame.from_rgb(np.full((16, 16, 3), 40 * n, np.uint8)) for n in range(3))
    subject = Subject("grey", frames, "lowdelay", 32, 0)
    log = {"pictures": [{"poc": n} for n in range(3)]}

    class Shows:
        def encode(self, frames, weights, settings):
            recon = []
            for number, frame in enumerate(frames):
                planes = [p.astype(np.uint16) for p in frame.planes]
                planes[0][0, 0] += weights is not None and number in shown
                recon.append(Frame(tuple(planes), 10))
            provenance = {"weighted_share": 0.5, "log": log}
            if weights is not None:
                assert [bool((p != 1).any()) for p in weights.planes] == [False, False, True]
            return EncodedStream(b"", recon, [], 0.0, provenance)

    bench = Bench(checkout(patched=True), checkout(patched=False))
    monkeypatch.setattr(vtm_conformance, "_engine", lambda root, options: Shows())
    monkeypatch.setattr(Bench, "_decode", lambda self, stream: "")
    outcome = bench._one_frame(subject)
    assert outcome.problem.startswith(problem)
    assert bool(outcome.problem) == bool(problem)
    assert outcome.share == 0.5


def test_random_maps_and_settings_cover():
    frames = (Frame.from_rgb(np.zeros((24, 32, 3), np.uint8)),) * 2
    made = [Subject("x", frames, "intra", 27, n) for n in range(14)]
    maps = [vtm_conformance.random_map(0, s) for s in made]
    assert {m.log2_unit for m in maps} == set(range(7))
    assert all(m.planes.shape[:2] == (2, 3) for m in maps)
    assert not np.array_equal(maps[0].planes[0], maps[0].planes[1])
    assert {None if m.profiles is None else m.profiles.shape[:2] for m in maps} == {None, (2, 1), (2, 3)}
    chosen = [vtm_conformance.random_settings(0, s) for s in made]
    assert {s.shaping.scaling_lists for s, _ in chosen} == {"auto", "off"}
    assert {s.shaping.gamma for s, _ in chosen} == {0.5, 1.0, 2.0}
    assert {s.tools.ctu_size for s, _ in chosen} == {64, 128}
    assert {s.target.qp for s, _ in chosen} == {27}
    assert {t for _, tools in chosen for t in tools} == set(TOOLS)
    assert chosen[5] == vtm_conformance.random_settings(0, made[5])


def test_a_sequence_moves(picture, monkeypatch):
    assert not np.array_equal(*(f.planes[0] for f in vtm_conformance.load_shifted(picture, (32, 24), 2)))
    monkeypatch.setattr(vtm_conformance, "_GRAIN", 0.0)
    first, second = vtm_conformance.load_shifted(picture, (32, 24), 2)
    dx, dy = vtm_conformance.SHIFT
    assert np.array_equal(first.planes[0][dy:, dx:], second.planes[0][:-dy, :-dx])
    whole = vtm_conformance.load_shifted(picture, None, 5)
    assert len(whole) == 5
    assert (whole[0].width, whole[0].height) == (52, 36)
    with pytest.raises(IdseError, match="too small for 2 cuts of 64x40"):
        vtm_conformance.load_shifted(picture, (64, 40), 2)


def test_unpatching(root, the_list, monkeypatch):
    for name in ("patch", "unpatch", "status"):
        monkeypatch.setattr(
            vtm_unpatching, name, functools.partial(getattr(patcher, name), patch_list=the_list)
        )
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    assert [problem for _, problem in vtm_unpatching.check_unpatching(root, root)] == [""] * 4
    assert {p: p.read_bytes() for p in root.rglob("*") if p.is_file()} == before

    def careless(copy: Path) -> None:
        patcher.unpatch(copy, the_list)
        (copy / COST).write_bytes(b"other")
        (copy / "source/left.cpp").write_bytes(b"")

    monkeypatch.setattr(vtm_unpatching, "unpatch", careless)
    problems = dict(vtm_unpatching.check_unpatching(root))
    assert f"{COST}: not the same; 2 files in all" in problems.values()
