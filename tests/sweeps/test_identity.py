"""Keys of results: they change with all that decides figures, and with nothing else."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from idse.errors import IdseError
from idse.importance.profile import MeanProfile, lowpass
from idse.sweeps.identity import engine_identity, result_key
from idse.sweeps.plan import parse_plan
from idse.sweeps.preparation import prepare
from idse.sweeps.resources import Resources
from idse.sweeps.store import Store

PLAN = """
qp = [32]
seed = {seed}
[dataset]
kind = "folder"
images = "pictures"
[[codecs]]
name = "{name}"
engine = "{engine}"
{more}
importance = {{ {importance} }}
"""


def key(folder: Path, **changes: Any) -> str:
    values: Mapping[str, Any] = {
        "name": "a", "engine": "native", "seed": 0, "more": "", "importance": 'detector = "embedded"',
    }  # fmt: skip
    plan = parse_plan(PLAN.format(**(values | changes)), folder)
    resources = Resources(plan)
    identity = resources.maps.identity(plan.codecs[0].importance)
    return result_key("digest", plan.codecs[0], engine_identity(resources.engine(0)), identity, 100, 32)


def test_of_the_native_engine(folder: Path) -> None:
    first = key(folder)
    assert key(folder, name="another") == first
    assert key(folder, importance="proj_dim = 4") == first  # as it is anyway
    others = [
        key(folder, more="tau = 0.5"),
        key(folder, more="preset = 0"),
        key(folder, more='weight_scope = "qp"'),
        key(folder, more="cb_qp_offset = -3"),
        key(folder, importance="proj_dim = 2"),
        key(folder, importance="chroma_planes = false"),
        key(folder, importance='method = "activity"'),
        key(folder, importance='method = "none"'),
        key(folder, importance='target = "features", passes = 2'),
        key(folder, importance='target = "features", passes = 2, at = "decoded"'),
        key(folder, importance='profile = "none"'),
        key(folder, importance='profile = "lowpass"'),
        key(folder, importance='method = "activity", profile = "lowpass"'),
        key(folder, importance='method = "activity", profile = "embedded"'),
        key(folder, importance='method = "none", profile = "lowpass"'),
        key(folder, seed=1),
    ]
    assert len({first, *others}) == 1 + len(others)


def test_of_a_profile_in_a_file(folder: Path) -> None:
    """Its content decides, and not where it lies; a plan names it from the plan's folder."""

    def of(name: str, method: str = "none") -> str:
        return key(folder, importance=f'method = "{method}", profile = "{name}"')

    MeanProfile(lowpass(), 3, "a", "features", {}).save(folder / "p.json")
    first, activity = of("p.json"), of("p.json", "activity")
    (folder / "p.json").rename(folder / "q.json")
    assert of("q.json") == first
    MeanProfile(lowpass()[:, ::-1], 3, "a", "features", {}).save(folder / "p.json")
    assert len({of("p.json"), of("p.json", "activity"), first, activity}) == 4
    with pytest.raises(IdseError, match=r"profile '.*absent\.json': no such file"):
        of("absent.json")


def test_of_a_prior(folder: Path) -> None:
    """It decides where the map has a profile of its own."""

    def of(more: str) -> str:
        return key(folder, importance=f'detector = "embedded", {more}')

    assert of("profile_prior = 0.0") == key(folder)
    assert of("profile_prior = 0.5") != key(folder)
    assert of('profile = "none", profile_prior = 0.5') == of('profile = "none"')


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like an unpatched, built VTM."""
    root = tmp_path / "vtm"
    for name, text in {
        "source/Lib/CommonLib/version.h": '#define VTM_VERSION "23.13"\n',
        "cfg/encoder_intra_vtm.cfg": "IntraPeriod : 1\n",
        "bin/EncoderAppStatic": f"#!{sys.executable} -S\nprint('one build')\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "bin/EncoderAppStatic").chmod(0o755)
    return root


def test_of_vtm(folder: Path, checkout: Path) -> None:
    def of(more: str = "", where: Path = checkout) -> str:
        return key(folder, engine="vtm", importance='method = "none"', more=f'root = "{where}"\n{more}')

    first = of()
    assert of("timeout = 60") == first
    moved = checkout.rename(folder / "elsewhere")
    assert of(where=moved) == first
    others = [of("lmcs = false", moved), of('extra = ["--MaxMTTDepth=1"]', moved), of("tau = 0.5", moved)]
    others.append(of('tools = ["sse"]', moved))
    (moved / "cfg/encoder_intra_vtm.cfg").write_text("IntraPeriod : 2\n")
    others.append(of(where=moved))
    program = moved / "bin/EncoderAppStatic"
    program.write_text(program.read_text().replace("one", "another"))
    others.append(of(where=moved))
    assert len({first, *others}) == 1 + len(others)


def test_no_hours_for_what_cannot_be_coded(folder: Path, checkout: Path) -> None:
    text = PLAN.format(name="a", engine="native", seed=0, more="preset = 0", importance='method = "none"')
    text += f'[[codecs]]\nname = "b"\nengine = "vtm"\nroot = "{checkout}"\nimportance = "activity"\n'
    with (
        Store(folder / "r.sqlite") as store,
        pytest.raises(IdseError, match=r"codec 'b': VTM at .* is not patched"),
    ):
        prepare(parse_plan(text, folder), store)


OLD = """
qp = [32]
[dataset]
kind = "folder"
images = "p"
[[codecs]]
name = "a"
engine = "native"
tau = 0.5
[[codecs]]
name = "b"
engine = "vtm"
root = "/x"
timeout = 5
extra = ["--ALF=0"]
[[codecs]]
name = "x265"
preset = "slow"
"""


def test_results_of_before_learned_codecs_are_found() -> None:
    """Keys as commit 8e93180 made them; they may only change together with `MEASURING`."""
    keys = [
        result_key("digest", codec, {"engine": codec.engine, "version": "1"}, "none", 50, 32)
        for codec in parse_plan(OLD, Path("/plans")).codecs
    ]
    assert keys == ["27eb7ad931bd171b27a36519", "9c6f49267cb54cd1cbd3769e", "15f7102f0f46f01c620b2849"]


def test_weights_over_frequency_stay_out_of_keys_at_their_default() -> None:
    def of(more: str) -> str:
        text = f'qp = [32]\n[dataset]\nkind = "folder"\nimages = "p"\n[[codecs]]\nname = "native"\n{more}\n'
        (codec,) = parse_plan(text, Path("/plans")).codecs
        return result_key("digest", codec, {"engine": "native"}, "none", 100, 32)

    first = of("")
    assert first == "e484c7724531af4de7a3284b"  # as the version before weights over frequency made it
    for words in ('tuning = "balanced"', "gamma = 0.75", 'frequency_scope = "all"', 'scaling_lists = "auto"'):
        assert of(words) == first
    assert of('tuning = "machine"') == of("gamma = 1.5")
    others = [
        of(words)
        for words in (
            'tuning = "machine"', 'tuning = "fidelity"', "gamma = 0.7", "profile_floor = 0.1",
            'frequency_scope = "rdo"', 'frequency_scope = "quant"', 'scaling_lists = "off"',
        )
    ]  # fmt: skip
    assert len({first, *others}) == 1 + len(others)


def test_of_task_models() -> None:
    """What they are decides, not where they lie."""
    (codec, *_) = parse_plan(OLD, Path("/plans")).codecs

    def of(task_models: Mapping[str, str] | None) -> str:
        return result_key("digest", codec, {}, "none", 100, 32, task_models)

    assert of(None) == of({})
    assert len({of(None), of({"d": "1"}), of({"d": "2"}), of({"e": "1"})}) == 4


def test_of_a_learned_codec(tmp_path: Path, untrained_codec: Any) -> None:
    """The file's content decides, not where it lies or what it is called."""

    def of(name: str, seed: int) -> tuple[str, str]:
        untrained_codec("icm", seed).save(tmp_path / name)
        text = f'[dataset]\nkind = "folder"\nimages = "p"\n[[codecs]]\nname = "learned"\ncodec = "{name}"\n'
        plan = parse_plan(text, tmp_path)
        engine = engine_identity(Resources(plan).engine(0))
        first, second = (result_key("digest", plan.codecs[0], engine, "none", 100, qp) for qp in plan.codecs[0].qps)
        return first, second

    a = of("a.idsec", 0)
    assert of("b.idsec", 0) == a
    assert len({*a, *of("b.idsec", 1)}) == 4
