"""The engine `vtm`, with a made-up encoder; a real one has its turn in `test_real_vtm.py`."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from idse.cli.main import main
from idse.cli.output import summary
from idse.engines import EncodeSettings, Engine, FrequencyScope, WeightScope, get_engine
from idse.engines.verify import encode_verified
from idse.errors import IdseError
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame
from idse.vtm.engine import VtmEngine
from idse.vtm.options import TOOLS, VtmOptions, parse_tools

CONFIGS = ("encoder_intra_vtm.cfg", "encoder_lowdelay_vtm.cfg", "encoder_randomaccess_vtm.cfg")
PROFILES = np.exp(-0.6 * np.add.outer(np.arange(8), np.arange(8))).astype(np.float32)[None, None]
GREY = Frame.from_rgb(np.full((24, 32, 3), 90, np.uint8))
MAP = WeightMap(32, 24, 3, np.arange(1, 37, dtype=np.float32).reshape(1, 3, 3, 4), meta={"seed": 1})


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Where the engine makes its folders; they must all be gone at the end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.delenv("IDSE_VTM_ROOT", raising=False)
    yield folder
    assert not list(folder.iterdir())


@pytest.fixture
def checkout(tmp_path):
    """Makes a checkout with the made-up encoder."""

    def make(version: str = "23.13", *, patched: bool | str = True, built: bool = True) -> Path:
        root = tmp_path / f"VTM-{version}-{patched}"
        (root / "source/Lib/CommonLib").mkdir(parents=True)
        (root / "source/Lib/CommonLib/version.h").write_text(
            f'#if !defined(VTM_VERSION)\n#define VTM_VERSION "{version}"\n#endif\n'
        )
        (root / "cfg").mkdir()
        for name in CONFIGS:
            (root / "cfg" / name).write_text("IntraPeriod : 1\n")
        (root / "bin").mkdir()
        if built:
            body = Path(__file__).with_name("fake_encoder.py").read_text()
            program = root / "bin" / "EncoderAppStatic"
            program.write_text(f"#!{sys.executable} -S\nPATCHED = {patched!r}\n{body}")
            program.chmod(0o755)
        return root

    return make


@pytest.fixture
def pids(tmp_path, monkeypatch):
    """Where the made-up encoder that hangs writes its own number and its child's."""
    path = tmp_path / "pids"
    monkeypatch.setenv("FAKE_PIDS", str(path))
    return path


def fake(what: str, **more) -> VtmOptions:
    return VtmOptions(extra=(f"--Fake={what}",), **more)


def command(engine: VtmEngine, settings: EncodeSettings, frame: Frame = GREY, weights=None) -> dict[str, str]:
    words = engine.encode([frame], weights, settings).provenance["command"]
    assert words[0] == "-c"
    return {"-c": words[1]} | dict(w[2:].split("=", 1) for w in words[2:])


def wait_until(condition, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """No such process, or one that only waits to be counted."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


def all_gone(pids: Path) -> bool:
    return all(gone(int(pid)) for pid in pids.read_text().split())


def test_a_stream_and_its_figures(checkout):
    engine = VtmEngine(checkout())
    assert isinstance(engine, Engine)
    assert (engine.name, engine.version, engine.patched) == ("vtm", "23.13", True)
    frames = [GREY, Frame.from_rgb(np.full((24, 32, 3), 200, np.uint8))]
    seen: list[float] = []
    stream = engine.encode(frames, None, EncodeSettings(qp=30, md5_sei=True, cb_qp_offset=1), seen.append)
    assert seen == [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0]
    assert [f.bytes for f in stream.frames] == [27, 32]
    assert sum(f.bytes for f in stream.frames) < len(stream.data)
    assert [(f.qp, f.cb_qp_offset, f.cr_qp_offset) for f in stream.frames] == [(30, 1, 0)] * 2
    assert stream.frames[0].psnr == (math.inf,) * 3
    for recon, source in zip(stream.recon, frames, strict=True):
        assert recon.bit_depth == 10
        assert all(
            np.array_equal(a, b) for a, b in zip(recon.planes, source.with_bit_depth(10).planes, strict=True)
        )
    told = stream.provenance
    assert (told["engine"], told["version"], told["patched"], told["lmcs"]) == ("vtm", "23.13", True, True)
    assert told["decoder"] == "any VVC decoder"
    assert told["log"]["pictures"][1] == {
        "poc": 1,
        "type": "I",
        "qp": 30,
        "bits": 1336,
        "psnr": ["33.5637", "39.5987", "39.1354"],
    }
    assert told["log"]["seconds"] == 0.486
    assert not any("/" in word for word in told["command"][2:])
    json.dumps(summary(stream))


def test_weights_reach_vtm(checkout):
    stream = VtmEngine(checkout()).encode([GREY], MAP, EncodeSettings(cb_qp_offset=1, tau=math.inf))
    assert (stream.frames[0].cb_qp_offset, stream.frames[0].cr_qp_offset) == (-1, -3)
    told = stream.provenance
    assert told["weighted_share"] == pytest.approx(123 / 456)
    assert told["lmcs"] is False
    assert told["tools"] == list(TOOLS)
    assert "--IDSETau=1e+30" in told["command"]
    assert "IDSE chroma QP offset: cb -2 cr -3" in told["log"]["idse"]


@pytest.mark.parametrize(
    ("scope", "tools", "expected"),
    [
        (WeightScope.ALL, None, "sse,chroma,satd,quant,qp,chromaqp,alf,sao"),
        (WeightScope.RDO, None, "sse,chroma,satd,alf,sao"),
        (WeightScope.QUANT, None, "quant"),
        (WeightScope.QP | WeightScope.QUANT, None, "quant,qp,chromaqp"),
        (WeightScope.QP, ("satd", "sse"), "sse,satd"),
        (WeightScope.ALL, (), "none"),
    ],
)
def test_tools(checkout, scope, tools, expected):
    engine = VtmEngine(checkout(), options=VtmOptions(tools=tools))
    given = command(engine, EncodeSettings(weight_scope=scope, exponent=0.7), weights=MAP)
    assert given["IDSETools"] == expected
    assert (given["IDSETau"], given["IDSEExponent"], given["IDSEClipQP"]) == ("0.2", "0.7", "6.0")
    assert "IDSEWeightMap" not in command(engine, EncodeSettings(weight_scope=WeightScope.NONE), weights=MAP)


FREQUENCIES = ("IDSEGamma", "IDSEProfileFloor", "IDSEFrequency", "ScalingList")


@pytest.mark.parametrize(
    ("changes", "tools", "expected"),
    [
        ({}, None, ("0.75", "0.00390625", "rdo,quant", "2")),
        ({"gamma": 1.5, "profile_floor": 0.25}, None, ("1.5", "0.25", "rdo,quant", "2")),
        ({"scaling_lists": "on"}, None, ("0.75", "0.00390625", "rdo,quant", "2")),
        ({"scaling_lists": "off"}, None, ("0.75", "0.00390625", "rdo,quant", None)),
        ({"frequency_scope": FrequencyScope.RDO}, None, ("0.75", "0.00390625", "rdo", None)),
        ({"frequency_scope": FrequencyScope.QUANT}, None, ("0.75", "0.00390625", "quant", "2")),
        ({"weight_scope": WeightScope.QP}, None, ("0.75", "0.00390625", "rdo,quant", "2")),
        ({}, ("chroma", "alf"), ("0.75", "0.00390625", "rdo", None)),
        ({}, ("quant",), ("0.75", "0.00390625", "quant", "2")),
        ({}, ("satd",), (None, None, None, None)),
        ({"gamma": 0.0}, None, (None, None, None, None)),
        ({"frequency_scope": FrequencyScope.NONE}, None, (None, None, None, None)),
        ({"weight_scope": WeightScope.NONE}, None, (None, None, None, None)),
    ],
)
def test_frequency_profiles(checkout, changes, tools, expected):
    """The made-up encoder checks that its map has a profile just where one acts."""
    engine = VtmEngine(checkout(), options=VtmOptions(tools=tools))
    settings = EncodeSettings(**changes)
    stream = engine.encode([GREY], dataclasses.replace(MAP, profiles=PROFILES), settings)
    words = stream.provenance["command"]
    given = dict(word[2:].split("=", 1) for word in words[2:])
    assert tuple(given.get(name) for name in FREQUENCIES) == expected
    assert stream.provenance["frequency_acts"] == (expected[2].split(",") if expected[2] else [])
    assert stream.provenance["scaling_lists"] is (expected[3] is not None)
    seen = [line for line in stream.provenance["log"]["idse"] if line.startswith("IDSE test list")]
    assert len(seen) == (expected[3] is not None)
    if expected[2] is None:  # to the byte what a map without profile gives
        assert words == engine.encode([GREY], MAP, settings).provenance["command"]


def test_old_versions_have_lists_without_dependent_quantisation_only(checkout):
    engine = VtmEngine(checkout("10.0"))
    profiled = dataclasses.replace(MAP, profiles=PROFILES)

    def has_lists(**changes) -> bool:
        return engine.encode([GREY], profiled, EncodeSettings(**changes)).provenance["scaling_lists"]

    assert not has_lists()
    assert has_lists(dependent_quant=False)
    assert has_lists(dependent_quant=False, scaling_lists="on")
    with pytest.raises(IdseError, match=r"VTM 10\.0 fails with scaling lists and dependent quantisation"):
        has_lists(scaling_lists="on")
    assert not has_lists(scaling_lists="on", frequency_scope=FrequencyScope.RDO)


def test_an_older_patch_takes_no_profiles(checkout):
    engine = VtmEngine(checkout(patched="old"))
    profiled = dataclasses.replace(MAP, profiles=PROFILES)
    with pytest.raises(IdseError, match=r"without frequency weights: run 'idse vtm patch .*', and build it"):
        engine.encode([GREY], profiled, EncodeSettings())
    assert engine.encode([GREY], profiled, EncodeSettings(gamma=0.0)).data == engine.encode(
        [GREY], MAP, EncodeSettings()
    ).data


@pytest.mark.parametrize("version", ["8.2", "10.0", "23.13"])
def test_arguments(checkout, version):
    engine = VtmEngine(checkout(version))
    plain = command(engine, EncodeSettings(qp=37))
    assert plain == {
        "-c": "cfg/encoder_intra_vtm.cfg", "InputFile": "source.yuv", "BitstreamFile": "stream.266",
        "ReconFile": "recon.yuv", "SourceWidth": "32", "SourceHeight": "24", "InputChromaFormat": "420",
        "InputBitDepth": "8", "InternalBitDepth": "10", "OutputBitDepth": "10", "FrameRate": "30", "FrameSkip": "0",
        "FramesToBeEncoded": "1", "TemporalSubsampleRatio": "1", "ConformanceWindowMode": "1", "QP": "37",
        "CTUSize": "128", "DualITree": "1", "LMChroma": "1", "DepQuant": "1", "SignHideFlag": "0",
        "TransformSkip": "1", "WaveFrontSynchro": "0", "SEIDecodedPictureHash": "0", "IDSEProgress": "1",
    }  # fmt: skip

    def changed(frame: Frame = GREY, **settings) -> dict[str, str]:
        return dict(sorted(command(engine, EncodeSettings(qp=37, **settings), frame).items() - plain.items()))

    assert changed(dual_tree=False) == {"DualITree": "0"}
    assert changed(cclm=False) == {"LMChroma": "0"}
    assert changed(dependent_quant=False) == {"DepQuant": "0", "SignHideFlag": "1"}
    assert changed(transform_skip=False) == {"BDPCM": "0", "ChromaTS": "0", "TransformSkip": "0"}
    assert changed(wpp=True, ctu_size=64) == {
        "CTUSize": "64",
        "MaxBTNonISlice": "64",
        "WaveFrontSynchro": "1",
    }
    assert changed(deblocking=False) == {
        "DeblockingFilterDisable" if version == "23.13" else "LoopFilterDisable": "1"
    }
    assert changed(cb_qp_offset=-3, cr_qp_offset=4) == {
        "CbCrQpOffset": "-1",
        "CbQpOffset": "-3",
        "CrQpOffset": "4",
    }
    assert changed(cb_qp_offset=-12, cr_qp_offset=-12)["CbCrQpOffset"] == "-12"
    assert changed(preset=4, threads=8) == {}
    assert changed(GREY.with_bit_depth(9)) == {"InputBitDepth": "10"}
    grey = Frame((np.zeros((11, 9), np.uint8),), 8, "400")
    assert changed(grey, cb_qp_offset=3) == {
        "DualITree": "0", "InputChromaFormat": "400", "LMChroma": "0", "SourceHeight": "11", "SourceWidth": "9",
    }  # fmt: skip
    if version != "10.0":
        assert changed(md5_sei=True) == {"SEIDecodedPictureHash": "1"}


def test_options_reach_vtm(checkout):
    root = checkout()
    options = VtmOptions(
        mode="randomaccess", chroma_qp_table="native", lmcs=False, extra=("--ALF=0", "--QP=12")
    )
    given = command(VtmEngine(root, options=options), EncodeSettings(qp=37))
    assert given["-c"] == "cfg/encoder_randomaccess_vtm.cfg"
    assert given["QpOutValCb"] == "17 29 34 41"
    assert (given["LMCSEnable"], given["ALF"], given["QP"]) == ("0", "0", "12")
    lowdelay = VtmEngine(root, options=VtmOptions(mode="lowdelay", lmcs=True))
    assert command(lowdelay, EncodeSettings())["LMCSEnable"] == "1"


def test_an_unpatched_vtm_codes_without_weights(checkout):
    engine = VtmEngine(checkout(patched=False))
    assert not engine.patched
    seen: list[float] = []
    stream = engine.encode([GREY, GREY], None, EncodeSettings(), seen.append)
    assert seen == [0.5, 1.0]
    assert not any("IDSE" in word for word in stream.provenance["command"])
    with pytest.raises(
        IdseError, match=r"is not patched, or was not built after the patch: run 'idse vtm patch .*', and build it"
    ):
        engine.encode([GREY], MAP, EncodeSettings())


def test_the_checkout_is_found(checkout, monkeypatch, tmp_path):
    with pytest.raises(IdseError, match="Set IDSE_VTM_ROOT"):
        get_engine("vtm")
    with pytest.raises(IdseError, match="is not built: run 'cmake"):
        VtmEngine(checkout("10.0", built=False))
    root = checkout()
    monkeypatch.setenv("IDSE_VTM_ROOT", str(root))
    assert get_engine("vtm").version == "23.13"
    with pytest.raises(IdseError, match="absent: cannot be read"):
        VtmEngine(options=VtmOptions(executable=tmp_path / "absent"))
    plain = tmp_path / "plain"
    plain.write_text("no program")
    with pytest.raises(IdseError, match="is not an executable program"):
        VtmEngine(options=VtmOptions(executable=plain))
    plain.chmod(0o755)
    with pytest.raises(IdseError, match=r"cannot run .*plain: Exec format error; name VTM's EncoderApp"):
        VtmEngine(options=VtmOptions(executable=plain))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("parameter", r"VTM failed with exit code 1: Error: Height should be 2\^n"),
        ("throw", "VTM was ended by SIGABRT: Failed to write reconstructed YUV file: x"),
        ("segfault", "VTM was ended by SIGSEGV; its last line: TOOL CFG"),
        ("killed", r"VTM was ended by SIGKILL \(is the memory full\?\)"),
        ("short-recon", "VTM's reconstruction has 100 bytes of 2304: is the disk of .* full"),
        ("short-stream", "VTM coded 0 pictures and reported 1, 1 were given: is the disk of .* full"),
    ],
)
def test_failures(checkout, what, words):
    with pytest.raises(IdseError, match=words):
        VtmEngine(checkout(), options=fake(what)).encode([GREY], None, EncodeSettings())


def test_what_the_encoder_leaves_running_ends_too(checkout, pids):
    stream = VtmEngine(checkout(), options=fake("leave")).encode([GREY], None, EncodeSettings())
    assert stream.frames[0].qp == 32
    wait_until(lambda: all_gone(pids))


def test_refusals(checkout):
    engine = VtmEngine(checkout())
    tiles = WeightMap(32, 24, 3, MAP.planes, np.ones((1, 3, 4, 2, 64), np.float32))
    small = Frame((np.zeros((8, 7), np.uint8),), 8, "400")
    odd = Frame.from_rgb(np.zeros((24, 31, 3), np.uint8))
    for frames, weights, settings, words in (
        ([], None, EncodeSettings(), "no frames"),
        ([GREY.with_bit_depth(12)], None, EncodeSettings(), "bit depth 12: the vtm engine takes 8..10"),
        ([odd], None, EncodeSettings(), "31x24: 4:2:0 needs an even width and height"),
        ([small], None, EncodeSettings(), "7x8: VTM codes pictures of at least 8x8"),
        ([GREY], None, EncodeSettings(target_bytes=900), "at a fixed QP: give --qp"),
        ([GREY], None, EncodeSettings(target_bpp=1.0), "at a fixed QP: give --qp"),
        ([GREY, GREY], MAP, EncodeSettings(), "1 frame"),
        ([GREY], tiles, EncodeSettings(), "use a map without tiles"),
    ):
        with pytest.raises(IdseError, match=words):
            engine.encode(frames, weights, settings)
    with pytest.raises(IdseError, match="leave out --md5"):
        VtmEngine(checkout("10.0")).encode([GREY], None, EncodeSettings(md5_sei=True))
    for wrong in ({"mode": "still"}, {"tools": ("sse", "rate")}, {"chroma_qp_table": "flat"}, {"timeout": 0}):
        with pytest.raises(IdseError, match="vtm "):
            VtmOptions(**wrong)
    with pytest.raises(IdseError, match="give one of them"):
        VtmOptions(in_process=True, executable=Path("x"))
    with pytest.raises(IdseError, match="vtm tool 'rate'"):
        parse_tools("sse,rate")
    assert (parse_tools("all"), parse_tools("none"), parse_tools("qp, alf")) == (TOOLS, (), ("qp", "alf"))


def test_streams_of_8_2_are_not_verified(checkout):
    engine = VtmEngine(checkout("8.2"))
    assert engine.encode([GREY], None, EncodeSettings()).provenance["decoder"] == "VTM 8.2 only"
    with pytest.raises(IdseError, match=r"VTM 8\.2 is older than the final text"):
        encode_verified(engine, [GREY], None, EncodeSettings())


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("what", ["hang", "hang-deaf"])
def test_what_progress_raises_ends_everything(checkout, pids, error, what):
    def stop(share: float) -> None:
        if share > 0.4:
            raise error

    with pytest.raises(error):
        VtmEngine(checkout(), options=fake(what)).encode([GREY], None, EncodeSettings(), stop)
    wait_until(lambda: all_gone(pids))


def test_the_timeout(checkout, pids):
    began = time.monotonic()
    with pytest.raises(IdseError, match=r"VTM was ended after 1\.5 s \(the timeout\), 50 % done"):
        VtmEngine(checkout(), options=fake("hang", timeout=1.5)).encode([GREY], None, EncodeSettings())
    assert time.monotonic() - began < 15
    wait_until(lambda: all_gone(pids))


def raw_file(tmp_path: Path) -> Path:
    path = tmp_path / "grey_32x24_8bit_420.yuv"
    path.write_bytes(b"".join(p.tobytes() for p in GREY.planes))
    return path


def test_ctrl_c_at_the_command_line(checkout, pids, tmp_path):
    arguments = [
        "encode", str(raw_file(tmp_path)), "--importance", "none", "--engine", "vtm", "--vtm-root", str(checkout()),
        "--vtm-extra=--Fake=hang",
    ]  # fmt: skip
    program = (  # pytest may have been started with Ctrl-C ignored
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from idse.cli import run; run()"
    )
    process = subprocess.Popen([sys.executable, "-c", program, *arguments], stderr=subprocess.PIPE, text=True)
    wait_until(pids.exists)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in err
    wait_until(lambda: all_gone(pids))


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_vtm_ends_with_a_killed_python(checkout, pids, temporary):
    program = (
        "from pathlib import Path; import numpy as np\n"
        "from idse.engines import EncodeSettings\nfrom idse.vtm.engine import VtmEngine\n"
        "from idse.vtm.options import VtmOptions\nfrom idse.media.frame import Frame\n"
        f"e = VtmEngine(Path({str(checkout())!r}), options=VtmOptions(extra=('--Fake=hang',)))\n"
        "e.encode([Frame((np.zeros((16, 16), np.uint8),), 8, '400')], None, EncodeSettings())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    wait_until(pids.exists)
    encoder, child = map(int, pids.read_text().split())
    process.kill()
    process.wait()
    wait_until(lambda: gone(encoder))
    os.kill(child, signal.SIGKILL)  # this one only the group's end would have reached
    subprocess.run(["rm", "-r", *map(str, temporary.iterdir())], check=True)


def test_calls_from_several_threads_at_once(checkout):
    engine = VtmEngine(checkout())
    with ThreadPoolExecutor(3) as pool:
        streams = list(
            pool.map(lambda qp: engine.encode([GREY], None, EncodeSettings(qp=qp)), (20, 30, 40, 50))
        )
    assert [s.frames[0].qp for s in streams] == [20, 30, 40, 50]


class FakeModule(types.ModuleType):
    """`idse._vtm`, whose encoder is the made-up one run to its end."""

    def __init__(self, root: Path, version: str = "23.13") -> None:
        super().__init__("idse._vtm")
        self._root, self._version = root, version

    def version(self) -> str:
        return self._version

    def root(self) -> str:
        return str(self._root)

    def encode(self, arguments, progress, log) -> None:
        done = subprocess.run(
            [self._root / "bin/EncoderAppStatic", *arguments], capture_output=True, text=True, check=False
        )
        for line in done.stdout.splitlines():
            if line.startswith("IDSE progress"):
                if not progress(*map(int, line.split()[2:])):
                    raise RuntimeError("interrupted")
            else:
                log(line)
        if done.returncode:
            raise RuntimeError("ERROR: no such thing")


def test_in_process(checkout, monkeypatch):
    inside = VtmOptions(in_process=True)
    monkeypatch.setitem(sys.modules, "idse._vtm", None)
    with pytest.raises(IdseError, match=r"pip install \. -C cmake\.define\.VTM_ROOT=DIR"):
        VtmEngine(options=inside)
    root = checkout()
    monkeypatch.setitem(sys.modules, "idse._vtm", FakeModule(root))
    engine = VtmEngine(options=inside)
    seen: list[float] = []
    stream = engine.encode([GREY], MAP, EncodeSettings(), seen.append)
    outside = VtmEngine(root).encode([GREY], MAP, EncodeSettings())
    assert stream.data == outside.data
    assert stream.provenance["command"] == outside.provenance["command"]
    assert seen == [0.25, 0.5, 0.75, 1.0]

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.encode([GREY], None, EncodeSettings(), stop)
    with pytest.raises(IdseError, match="VTM failed: ERROR: no such thing"):
        VtmEngine(options=fake("parameter", in_process=True)).encode([GREY], None, EncodeSettings())
    with pytest.raises(IdseError, match="the timeout"):
        VtmEngine(options=VtmOptions(in_process=True, timeout=1e-9)).encode([GREY], None, EncodeSettings())
    monkeypatch.setitem(sys.modules, "idse._vtm", FakeModule(root, "8.2"))
    with pytest.raises(IdseError, match=r"idse\._vtm is VTM 8\.2"):
        VtmEngine(options=inside)


def test_the_command(checkout, tmp_path, capfd):
    root, source = checkout(), raw_file(tmp_path)
    base = ["encode", str(source), "--engine", "vtm", "--vtm-root", str(root), "--json"]
    options = [
        "--importance",
        "activity",
        "--vtm-tools",
        "sse,quant",
        "--vtm-mode",
        "lowdelay",
        "--vtm-timeout",
        "60",
    ]
    assert main([*base, *options, "--vtm-extra", "--ALF=0 '--Name=a b'", "-o", str(tmp_path / "a.266")]) == 0
    told = json.loads(capfd.readouterr().out)["provenance"]
    assert told["command"][-3:] == ["--IDSETools=sse,quant", "--ALF=0", "--Name=a b"]
    assert told["mode"] == "lowdelay"
    assert (tmp_path / "a.266").is_file()

    unpatched = [*base[:5], str(checkout("8.2", patched=False))]
    for arguments, words in (
        ([*base[:2], "--vtm-mode", "intra"], "--vtm-mode is for VTM: add --engine vtm"),
        ([*base[:2], "--vtm-in-process"], "--vtm-in-process is for VTM"),
        ([*base, "--vtm-extra", "'"], "--vtm-extra"),
        ([*base, "--vtm-tools", "sse,rate"], "vtm tool 'rate'"),
        ([*base, "--tiles"], "use a map without tiles"),
        ([*base, "--target-bpp", "1"], "fixed QP: give --qp"),
        (unpatched, "is not patched"),
        ([*unpatched, "--importance", "none", "--verify"], "is older than the final text"),
        (base[:4], "Set IDSE_VTM_ROOT, or --vtm-root"),
    ):
        assert main(arguments) == 2
        assert words in capfd.readouterr().err


def test_doctor(checkout, monkeypatch, capsys):
    from idse.cli import doctor

    monkeypatch.setattr(doctor, "_native", lambda: "version 0")
    monkeypatch.setattr(doctor, "_round_trip", lambda: "done")
    for root, words in (
        (None, "absent   engine vtm: set IDSE_VTM_ROOT"),
        (checkout("10.0", built=False), "absent   engine vtm: VTM 10.0 at "),
        (checkout("8.2", patched=False), "built, not patched: codes without weights"),
        (checkout(), "ok       engine vtm: VTM 23.13 at "),
    ):
        if root is not None:
            monkeypatch.setenv("IDSE_VTM_ROOT", str(root))
        doctor.doctor()
        assert words in capsys.readouterr().out


def test_what_runs_is_what_was_opened(checkout):
    root = checkout()
    engine = VtmEngine(root)
    first = engine.identity
    assert VtmEngine(root).identity == first
    (root / "cfg/encoder_intra_vtm.cfg").write_text("IntraPeriod : 2\n")
    assert VtmEngine(root).identity != first
    assert VtmEngine(root, options=VtmOptions(mode="lowdelay")).identity == first  # that file is as it was
    program = root / "bin" / "EncoderAppStatic"
    program.write_text(program.read_text() + "# built again\n")
    with pytest.raises(IdseError, match="VTM was built again during the encode"):
        engine.encode([GREY], None, EncodeSettings())
    assert VtmEngine(root).encode([GREY], None, EncodeSettings()).data
