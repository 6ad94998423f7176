"""Plans: what lists mean, what is refused and in which words, and plans from flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from idse.engines import FrequencyScope
from idse.errors import IdseError
from idse.sweeps.flags import Flags, plan_text
from idse.sweeps.plan import parse_plan, read_plan
from idse.toml_file import toml_table

HEAD = '[dataset]\nkind = "folder"\nimages = "p"\n'
CODEC = '[[codecs]]\nname = "native"\nqp = [32]\n'


def test_lists_multiply_but_for_the_points_of_the_curve() -> None:
    plan = parse_plan(
        "qp = [22, 27]\nseed = 7\n"
        + HEAD
        + '[[codecs]]\nname = "idse"\nengine = "native"\nscale = [100, 50]\ntau = [0.1, 0.2]\n'
        + 'importance = { method = "jacobian", proj_dim = [2, 8] }\n',
        Path("/plans"),
    )
    assert [c.name for c in plan.codecs] == [
        "idse tau=0.1 l=2",
        "idse tau=0.1 l=8",
        "idse tau=0.2 l=2",
        "idse tau=0.2 l=8",
    ]
    last = plan.codecs[-1]
    assert (last.qps, last.scales) == ((22, 27), (100, 50))
    assert last.encode_settings(27).shaping.tau == 0.2
    assert (last.importance.proj_dim, last.importance.seed) == (8, 7)
    assert plan.dataset.images == Path("/plans/p")


def test_baselines_are_ordinary_settings() -> None:
    plan = parse_plan(
        HEAD
        + '[[codecs]]\nname = "activity"\nengine = "native"\nqp = [32]\nimportance = "activity"\n'
        + '[[codecs]]\nname = "no filters"\nengine = "native"\nqp = [32]\ndeblocking = false\n'
        + '[[codecs]]\nname = "chroma"\nengine = "native"\nqp = [32]\ncb_qp_offset = -3\ncr_qp_offset = -3\n'
        + '[[codecs]]\nname = "boxes"\nengine = "native"\nqp = [32]\n'
        + 'importance = { method = "roi", detector = "d.onnx", roi_qp = 8 }\n',
        Path(),
    )
    activity, filters, chroma, boxes = plan.codecs
    assert activity.importance.method == "activity"
    assert not filters.encode_settings(32).tools.deblocking
    assert chroma.encode_settings(32).cb_qp_offset == -3
    shaping = boxes.encode_settings(32).shaping  # a box's QPs come out as they were asked for
    assert (shaping.tau, shaping.exponent, shaping.clip_qp) == (0, 1, 12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "no TOML"),
        ("colour = 1\n" + HEAD + CODEC, "unknown key 'colour' in the plan: it takes codecs, "),
        (CODEC, "dataset is missing: it must be a table"),
        (HEAD, r"at least one \[\[codecs\]\]"),
        ('[dataset]\nkind = "folder"\n' + CODEC, "dataset.images is missing: it must be the name of"),
        (HEAD + '[[codecs]]\nname = "h265"\nqp = [1]\n', "engine 'h265': must be one of native"),
        (HEAD + '[[codecs]]\nname = "native"\n', "qp is missing: give it for this codec or for the whole plan"),
        (HEAD + '[[codecs]]\nname = "native"\nqp = [64]\n', "qp 64: native takes 0..63"),
        (HEAD + '[[codecs]]\nname = "native"\nqp = [32.5]\n', "whole numbers"),
        (HEAD + CODEC + "scale = [0]\n", "scale 0: must be whole numbers 5..100"),
        (HEAD + CODEC + "taw = 1\n", "unknown key 'taw'"),
        (HEAD + CODEC + "tau = -1\n", "tau -1: must be 0 or more"),
        (HEAD + CODEC + 'tau = "much"\n', "codec 'native'"),
        (HEAD + CODEC + 'tuning = "human"\n', "tuning 'human': must be one of machine, balanced, fidelity"),
        (HEAD + CODEC + "tuning = 1\n", "tuning 1: must be one of machine, balanced, fidelity"),
        (HEAD + CODEC + 'tuning = "machine"\ngamma = 1\n', "tuning and gamma: give one of them"),
        (HEAD + CODEC + "gamma = 3\n", r"gamma 3.0: must be 0\.\.2"),
        (HEAD + CODEC + 'frequency_scope = "qp"\n', "frequency scope 'qp': must be all, none, rdo or quant"),
        (HEAD + CODEC + 'scaling_lists = "maybe"\n', "scaling lists 'maybe': must be auto, on, off"),
        (HEAD + CODEC + "scaling_lists = true\n", "scaling_lists true: must be a text"),
        (HEAD + CODEC + "importance = { profile_prior = 2 }\n", r"profile prior 2: must be 0\.\.1"),
        (HEAD + CODEC + 'importance = "taste"\n', "importance 'taste': must be one of"),
        (HEAD + CODEC + "importance = { rows = 3 }\n", "unknown key 'rows' in importance: it takes"),
        (HEAD + CODEC + "importance = { proj_dim = 65 }\n", "proj dim 65: must be 1..64"),
        (HEAD + CODEC + "importance = { rounds = 2.5 }\n", "importance.rounds 2.5: must be a whole number"),
        (HEAD + CODEC + 'importance = { noise_sigma = "3" }\n', "importance.noise_sigma '3': must be a number"),
        (HEAD + CODEC + "importance = { noise_sigma = nan }\n", "importance.noise_sigma nan: must be a number"),
        (HEAD + CODEC + 'importance = { tiles = "false" }\n', "importance.tiles 'false': must be true or false"),
        (HEAD + CODEC + 'importance = { nodes = "a" }\n', "importance.nodes 'a': must be a list of texts"),
        (HEAD + CODEC + 'importance = { method = "roi", roi_qp = 13 }\n', "roi qp 13: must be above 0, at most 12"),
        (HEAD + CODEC + 'importance = { method = "roi", detector = "a+b" }\n', "roi takes the boxes of one detector"),
        (HEAD + CODEC + CODEC, "two codecs are called 'native'"),
        (HEAD + CODEC + "[[detectors]]\nname = 'x'\n", "detectors\\[0\\].model is missing"),
        (HEAD + CODEC + "[detectors]\nmodel = 'x'\n", r"detectors .*: must be written as \[\[detectors\]\]"),
        ("seed = -1\n" + HEAD + CODEC, "seed -1"),
    ],
)
def test_refusals(text: str, words: str) -> None:
    with pytest.raises(IdseError, match=words) as refused:
        parse_plan(text, Path())
    assert "\n" not in str(refused.value)


def test_an_engine_without_maps_refuses_importance() -> None:
    with pytest.raises(IdseError, match="x265 takes no weight map"):
        parse_plan(HEAD + '[[codecs]]\nname = "x265"\nqp = [32]\nimportance = "activity"\n', Path())


@pytest.mark.parametrize(
    "words",
    [
        'tuning = "machine"',
        "gamma = 0.5",
        "profile_floor = 0.1",
        'frequency_scope = "rdo"',
        'scaling_lists = "off"',
    ],
)
def test_an_engine_without_maps_refuses_weights_over_frequency(words: str) -> None:
    with pytest.raises(IdseError, match=f"x265 takes no weight map: leave out {words.split()[0]}"):
        parse_plan(HEAD + f'[[codecs]]\nname = "x265"\nqp = [32]\n{words}\n', Path())
    with pytest.raises(IdseError, match="x265 takes no weight map: leave out importance"):
        text = 'importance = { method = "none", profile = "lowpass" }\n'
        parse_plan(HEAD + '[[codecs]]\nname = "x265"\nqp = [32]\n' + text, Path())


def test_weights_over_frequency() -> None:
    plan = parse_plan(
        HEAD
        + '[[codecs]]\nname = "idse"\nengine = "native"\nqp = [32]\ntuning = ["machine", "fidelity"]\n'
        + 'scaling_lists = "off"\nfrequency_scope = "rdo"\n'
        + 'importance = { profile = ["own", "lowpass"], profile_prior = 0.25 }\n'
        + '[[codecs]]\nname = "power"\nengine = "native"\nqp = [32]\ngamma = [0.5, 0.7]\n'
        + 'importance = { method = "none", profile = "mean.idsep" }\n'
        + '[[codecs]]\nname = "plain"\nengine = "native"\nqp = [32]\n',
        Path("/plans"),
    )
    assert [c.name for c in plan.codecs] == [
        "idse tuning=machine profile=own",
        "idse tuning=machine profile=lowpass",
        "idse tuning=fidelity profile=own",
        "idse tuning=fidelity profile=lowpass",
        "power gamma=0.5",
        "power gamma=0.7",
        "plain",
    ]
    shapings = [c.encode_settings(32).shaping for c in plan.codecs]
    assert [s.gamma for s in shapings] == [1.5, 1.5, 0, 0, 0.5, 0.7, 0.75]
    assert {(s.scaling_lists, s.frequency_scope) for s in shapings[:4]} == {("off", FrequencyScope.RDO)}
    assert [c.importance.profile for c in plan.codecs[:4]] == ["own", "lowpass", "own", "lowpass"]
    assert plan.codecs[0].importance.profile_prior == 0.25
    assert plan.codecs[4].importance.profile == "/plans/mean.idsep"  # as all paths of a plan
    assert [c.importance.makes_map for c in plan.codecs[3:]] == [True, True, True, False]
    assert "tuning" not in plan.codecs[0].described()["settings"]


def test_files(tmp_path: Path) -> None:
    with pytest.raises(IdseError, match="no such plan"):
        read_plan(tmp_path / "absent.toml")
    file = tmp_path / "latin.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(IdseError, match="cannot be read"):
        read_plan(file)
    file.write_text(HEAD + CODEC)
    assert read_plan(file).name == "latin"


def test_flags_write_a_plan(tmp_path: Path) -> None:
    flags = Flags(
        images=tmp_path,
        detectors=["fasterrcnn_resnet50_fpn"],
        codecs=["native:preset=1", "slow=x265:preset=slower,qp=22 32"],
        qps=[30, 40],
        importance=["embedded", "activity"],
        proj_dims=[2, 8],
        taus=[0.1],
        limit=3,
        name='a "name"',
    )
    plan = parse_plan(plan_text(flags), Path("/elsewhere"))
    assert plan.name == 'a "name"'
    assert [c.name for c in plan.codecs] == [
        "native",
        "IDSE (embedded map) l=2",
        "IDSE (embedded map) l=8",
        "activity map",
        "slow",
    ]
    assert (plan.codecs[-1].qps, plan.codecs[0].qps) == ((22, 32), (30, 40))
    assert plan.codecs[-1].options["preset"] == "slower"
    assert (plan.dataset.kind, plan.dataset.limit, plan.dataset.images) == ("folder", 3, tmp_path)
    aimed = Flags(images=tmp_path, importance=["embedded"], targets=["features", "both"])
    maps = parse_plan(plan_text(aimed), Path("/elsewhere")).codecs[1:]
    assert [c.name for c in maps] == ["IDSE (embedded map) target=features", "IDSE (embedded map) target=both"]
    assert [c.importance.target for c in maps] == ["features", "both"]
    tuned = Flags(
        images=tmp_path,
        codecs=["native", "x265", "own=native:gamma=0.7"],
        importance=["embedded"],
        tunings=["machine", "fidelity"],
    )
    rows = parse_plan(plan_text(tuned), Path("/elsewhere")).codecs
    assert [c.name for c in rows] == [
        "native",
        "native, IDSE (embedded map) tuning=machine",
        "native, IDSE (embedded map) tuning=fidelity",
        "x265",
        "own",
        "own, IDSE (embedded map)",
    ]
    assert [c.encode_settings(32).shaping.gamma for c in rows] == [0.75, 1.5, 0, 0.75, 0.7, 0.7]
    with pytest.raises(IdseError, match="must look like preset=slow"):
        plan_text(Flags(images=tmp_path, codecs=["native:fast"]))


@pytest.mark.parametrize(
    ("codecs", "names"),
    [
        (["native", "x265"], ["native", "IDSE (yolox_nano map)", "x265"]),
        (
            ["native", "fine=native:tau=0.1"],
            ["native", "native, IDSE (yolox_nano map)", "fine", "fine, IDSE (yolox_nano map)"],
        ),
        (["mine=native"], ["mine", "mine, IDSE (yolox_nano map)"]),
    ],
)
def test_flags_name_rows_with_maps(tmp_path: Path, codecs: list[str], names: list[str]) -> None:
    flags = Flags(images=tmp_path, codecs=codecs, importance=["models/yolox_nano.onnx"])
    assert [codec.name for codec in parse_plan(plan_text(flags), tmp_path).codecs] == names


@pytest.mark.parametrize(
    "name",
    [
        'a "quoted" name',
        "back\\slash",
        "emoji \U0001f600 and \u2028",
        "tab\tand \x7f \x01",
        "line\nbreak",
        "\u00e9 = [1] # no",
    ],
)
def test_flags_write_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name.replace("/", "_")
    folder.mkdir()
    models = {name: f"{name}-{{qp}}.pth"}
    flags = Flags(
        images=folder,
        detectors=["fasterrcnn_resnet50_fpn"],
        codecs=["native"],
        tables=[{"name": name, "engine": "x265"}],
        task_models={},
        name=name,
    )
    plan = parse_plan(plan_text(flags), Path())
    assert (plan.name, plan.dataset.images, plan.codecs[1].name) == (name, folder, name)
    text = plan_text(Flags(images=folder, task_models=models))
    (codec,) = toml_table(text)["codecs"]
    assert codec["task_models"] == {name: str((Path.cwd() / models[name]).resolve())}


def test_flags_that_toml_has_a_form_for_but_a_plan_refuses(tmp_path: Path) -> None:
    for value in ("inf", "nan", "-inf"):
        with pytest.raises(IdseError, match="tau"):
            parse_plan(plan_text(Flags(images=tmp_path, codecs=[f"native:tau={value}"])), Path())
    with pytest.raises(IdseError, match="not UTF-8, which TOML needs: rename the file") as refused:
        plan_text(Flags(images=tmp_path / "latin-\udce9", kind="folder"))
    str(refused.value).encode()  # can be printed
    with pytest.raises(IdseError, match="write name and engine before the colon"):
        plan_text(Flags(images=tmp_path, codecs=["native:engine=x265"]))


def test_the_tau_of_a_codec_stands_before_that_of_the_flags(tmp_path: Path) -> None:
    flags = Flags(images=tmp_path, codecs=["native:tau=2"], taus=[0.5], importance=["activity"])
    assert [c.encode_settings(32).shaping.tau for c in parse_plan(plan_text(flags), Path()).codecs] == [2, 2]
