"""VTM inside this process against the executable of the same checkout; skipped where `idse._vtm` isn't built."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from idse.engines import EncodeSettings
from idse.errors import IdseError
from idse.vtm.engine import VtmEngine
from idse.vtm.options import VtmOptions

_vtm = pytest.importorskip("idse._vtm", reason="VTM is not built into idse here (-DVTM_ROOT)")


def load_script():
    path = Path(__file__).parents[2] / "scripts" / "vtm_in_process.py"
    spec = importlib.util.spec_from_file_location("vtm_in_process", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


SCRIPT = load_script()


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """One CTU of 64x64 with padding, two pictures."""
    bench = SCRIPT.Bench(tmp_path_factory.mktemp("vtm"), 68, 60, 2, 37)
    if bench.tree.executable is None:
        pytest.skip(f"{bench.tree.root} has no executable to compare with")
    return bench


@pytest.fixture(scope="module")
def expected(bench):
    return {weighted: bench.outside(weighted) for weighted in (False, True)}


@pytest.fixture
def sound(bench, expected):
    """After whatever a test does, encodes give the executable's bytes."""
    yield
    for weighted in (True, False):
        assert bench.inside(weighted) == expected[weighted]


def replaced(arguments, name, value):
    return [*arguments, f"--{name}={value}"]  # the last one counts


def test_bytes_are_the_executables_in_any_order(bench, expected):
    assert expected[True] != expected[False]
    for weighted in (False, True, True, False, True):
        assert bench.inside(weighted) == expected[weighted]


def test_an_exception_of_the_callback_passes_through(bench, sound):
    class Mine(Exception):
        pass

    calls = []

    def progress(done, total, poc):
        calls.append((done, total, poc))
        if poc == 1:
            raise Mine("enough")
        return True

    with pytest.raises(Mine, match="enough"):
        bench.inside(True, progress)
    assert calls[0] == (0, 1, 0) and calls[-1] == (0, 1, 1)


def test_an_exception_of_the_log_passes_through(bench, sound):
    def log(line):
        if line.startswith("POC"):
            raise KeyError(line)

    with pytest.raises(KeyError, match="POC"):
        _vtm.encode(bench.arguments(False), None, log)


def test_false_ends_it(bench, sound):
    with pytest.raises(RuntimeError, match="interrupted"):
        bench.inside(True, lambda *_: False)


def test_ctrl_c_ends_it(bench, sound):
    def log(line):
        if line.startswith("POC"):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        _vtm.encode(bench.arguments(False), None, log)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("IDSETools", "ssd", "'ssd'"),
        ("IDSEWeightMap", "/nowhere/map", "/nowhere/map: cannot be opened"),
        ("InputFile", "/nowhere/in.yuv", "."),
        ("BitstreamFile", "/nowhere/out.266", "/nowhere/out.266"),
        ("NoSuchOption", "1", "NoSuchOption"),
        ("QP", "many", "many"),
        ("SourceWidth", "67", "."),
    ],
)
def test_mistakes_are_told_and_survived(bench, sound, name, value, words):
    with pytest.raises(RuntimeError, match=words):
        _vtm.encode(replaced(bench.arguments(True), name, value), None, lambda _line: None)


def test_a_call_of_exit_is_survived(bench, sound, tmp_path):
    if not _vtm.version().startswith("23"):
        pytest.skip("an option of VTM 23")
    (tmp_path / "regions_0.txt").write_text("no regions\n")
    arguments = replaced(bench.arguments(True), "SEIAnnotatedRegionsFileRoot", tmp_path / "regions")
    with pytest.raises(RuntimeError, match="Annotated Regions"):
        _vtm.encode(arguments, None, lambda _line: None)


def test_layers_are_refused(bench, sound):
    with pytest.raises(RuntimeError, match="layers"):
        _vtm.encode([*bench.arguments(False), "-l0", "--QP=30"])


def test_lines_go_to_the_log_alone(bench, capfd):
    lines = []
    _vtm.encode(bench.arguments(True), None, lines.append)
    assert sum(line.startswith("POC") for line in lines) == 2
    assert sum(line.startswith("IDSE weighted distortion calls") for line in lines) == 1
    assert not any("\n" in line for line in lines)
    assert capfd.readouterr() == ("", "")
    _vtm.encode(bench.arguments(True))
    assert capfd.readouterr().out.count("\nPOC") == 2


def test_what_others_print_meanwhile_stays_where_it_belongs(bench, capfd):
    lines = []

    def progress(*_):
        os.write(1, b"mine\n")
        return True

    _vtm.encode(bench.arguments(False), progress, lines.append)
    assert capfd.readouterr().out == "mine\n" * 2
    assert "mine" not in lines


def test_threads_wait_for_each_other(bench, expected, tmp_path):
    results = {}

    def work(number):
        stream = tmp_path / f"{number}.266"
        arguments = replaced(bench.arguments(number % 2 == 1), "BitstreamFile", stream)
        _vtm.encode(replaced(arguments, "ReconFile", tmp_path / f"{number}.yuv"), None, lambda _line: None)
        results[number] = stream.read_bytes()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(3):
        assert expected[number % 2 == 1].startswith(results[number])


def test_an_encode_within_an_encode_is_refused(bench, sound):
    with pytest.raises(RuntimeError, match="callback of another"):
        bench.inside(False, lambda *_: bench.inside(True) and True)


def test_memory_is_given_back(bench):
    memory = []
    for number in range(12):
        bench.inside(number % 2 == 0)
        memory.append(SCRIPT.resident())
    assert memory[-1] - memory[3] < SCRIPT.ALLOWED_MIB


def test_the_engine_gives_the_executables_stream(bench, expected):
    settings = EncodeSettings(qp=37)
    weights = SCRIPT.weight_map(68, 60, 2)
    shares = []
    inside = VtmEngine(options=VtmOptions(in_process=True), root=bench.tree.root)
    outside = VtmEngine(root=bench.tree.root)
    one = inside.encode(bench.frames, weights, settings, shares.append)
    other = outside.encode(bench.frames, weights, settings)
    assert one.data == other.data
    assert one.frames == other.frames
    for a, b in zip(one.recon, other.recon, strict=True):
        assert all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))
    assert shares == sorted(shares) and shares[-1] == 1
    assert one.provenance["weighted_share"] == other.provenance["weighted_share"] > 0.5
    with pytest.raises(IdseError, match="timeout"):
        VtmEngine(options=VtmOptions(in_process=True, timeout=0.01), root=bench.tree.root).encode(
            bench.frames, weights, settings
        )
