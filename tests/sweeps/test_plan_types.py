"""Plans: a value of another type than its key has, or an unknown key, is refused in one line that names the key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from idse import schema
from idse.errors import IdseError
from idse.sweeps.plan import parse_plan
from idse.toml_file import toml_text

TRUE_OR_FALSE, WHOLE, NUMBER, TEXT = "true or false", "a whole number", "a number", "a text"
TYPES = {
    "": {"seed": WHOLE, "pseudo_score": NUMBER, "keep_streams": TRUE_OR_FALSE, "name": TEXT},
    "dataset": {
        "limit": WHOLE,
        "bit_depth": WHOLE,
        "full_range": TRUE_OR_FALSE,
        "name": TEXT,
        "split": TEXT,
        "kind": "one of",
        "images": "the name of a file",
    },
    "detectors": {
        "score_threshold": NUMBER,
        "nms_iou": NUMBER,
        "batch": WHOLE,
        "device": TEXT,
        "weights": "the name",
    },
    "importance": {
        "proj_dim": WHOLE,
        "rounds": WHOLE,
        "log2_unit": WHOLE,
        "seed": WHOLE,
        "noise_sigma": NUMBER,
        "blend_activity": NUMBER,
        "roi_qp": NUMBER,
        "roi_score": NUMBER,
        "tiles": TRUE_OR_FALSE,
        "chroma_planes": TRUE_OR_FALSE,
    },
    "codecs": {
        "tau": NUMBER,
        "exponent": NUMBER,
        "clip_qp": NUMBER,
        "cb_qp_offset": WHOLE,
        "deblocking": TRUE_OR_FALSE,
        "md5_sei": TRUE_OR_FALSE,
    },
}
WRONG: dict[str, list[Any]] = {
    WHOLE: ["1", True, [1], 1.5, {"a": 1}, 2**70],
    NUMBER: ["1", True, [1], {"a": 1}, float("nan"), float("inf"), 10**400],
    TRUE_OR_FALSE: ["false", 0, 1, [False], 1.0],
    TEXT: [1, True, ["a"]],
    "one of": [1, True, ["coco"], "pascal"],
    "the name": [1, True, ["a"]],
    "the name of a file": [1, True, ["a"]],
}


def plan_with(table: str, values: dict[str, Any]) -> str:
    """The text of a plan with values in one of its tables."""
    plan: dict[str, Any] = {
        "qp": [32],
        "dataset": {"kind": "folder", "images": "p"},
        "detectors": [{"model": "a.onnx"}],
        "codecs": [{"name": "native", "importance": {"method": "jacobian"}}],
    }
    place = {
        "": plan,
        "dataset": plan["dataset"],
        "detectors": plan["detectors"][0],
        "codecs": plan["codecs"][0],
        "importance": plan["codecs"][0]["importance"],
    }[table]
    place.update(values)
    return toml_text(plan)


CASES = [
    pytest.param(table, key, form, value, id=f"{table}.{key}={str(value)[:12]}")
    for table, keys in TYPES.items()
    for key, form in keys.items()
    for value in WRONG[form]
    # In a codec's table a list is several rows.
    if not (table in ("importance", "codecs") and isinstance(value, list))
]


@pytest.mark.parametrize(("table", "key", "form", "value"), CASES)
def test_another_type(table: str, key: str, form: str, value: Any) -> None:
    with pytest.raises(IdseError) as refused:
        parse_plan(plan_with(table, {key: value}), Path())
    message = str(refused.value)
    assert "\n" not in message
    assert key in message
    assert len(message) < 300
    assert f": must be {form}" in message


@pytest.mark.parametrize("table", ["", "dataset", "detectors", "codecs", "importance"])
def test_an_unknown_key(table: str) -> None:
    with pytest.raises(IdseError, match=r"unknown key 'colour'.* takes .*\w") as refused:
        parse_plan(plan_with(table, {"colour": 1}), Path())
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("table", "values", "message"),
    [
        ("", {"detectors": [1]}, r"detectors \[1\]: must be written as \[\[detectors\]\]"),
        ("", {"codecs": {"name": "native"}}, r"codecs .*: must be written as \[\[codecs\]\]"),
        ("", {"dataset": "p"}, "dataset 'p': must be a table"),
        ("", {"pseudo_score": 1}, "pseudo_score 1: must be a number, at least 0, below 1"),
        ("dataset", {"only": ["a", 1]}, r"dataset.only\[1\] 1: must be a text"),
        ("dataset", {"size": [16]}, r"dataset.size \[16\]: must be a list of 2 whole numbers"),
        ("dataset", {"size": [16, True]}, r"dataset.size\[1\] true: must be a whole number, at least 1"),
        ("dataset", {"size": [16, 16, 3]}, r"dataset.size \[16, 16, 3\]: must be a list of 2"),
        ("dataset", {"frames": [0, 1.5]}, r"dataset.frames\[1\] 1.5: must be a whole number"),
        ("dataset", {"chroma": 420}, 'dataset.chroma 420: must be one of "400", "420"'),
        ("detectors", {"classes": "person"}, r"detectors\[0\].classes 'person': must be a list of texts"),
        ("codecs", {"name": ["a"]}, r"codecs\[0\].name \['a'\]: must be a text"),
        ("codecs", {"engine": 1}, r"codecs\[0\].engine 1: must be a text"),
        ("codecs", {"task_models": {"a": 1}}, "codec 'native': write task_models as"),
        ("codecs", {"preset": "1"}, "preset '1': must be one of faster"),
        ("codecs", {"preset": True}, "preset true: must be a whole number"),
        ("codecs", {"qp": ["32"]}, "qp 32: must be whole numbers 0..100"),
        ("codecs", {"scale": [True]}, "scale True: must be whole numbers 5..100"),
        ("importance", {"proj_dim": [2, "8"]}, "importance.proj_dim '8': must be a whole number"),
    ],
)
def test_messages(table: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(IdseError, match=message):
        parse_plan(plan_with(table, values), Path())


def test_pydantic_is_imported_only_to_check_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys, idse.cli.encode, idse.engines, idse.sweeps.plan; assert 'pydantic' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    monkeypatch.setitem(sys.modules, "pydantic", None)
    schema._adapter.cache_clear()
    with pytest.raises(IdseError, match=r"need pydantic: pip install 'idse\[evaluate\]'"):
        parse_plan(plan_with("", {}), Path())


def test_whole_numbers_are_numbers() -> None:
    plan = parse_plan(plan_with("importance", {"noise_sigma": 3}), Path())
    # The number stays as it was written: hashes of results are made of it.
    assert repr(plan.codecs[0].importance.deciding()["noise_sigma"]) == "3"
    assert parse_plan(plan_with("", {"pseudo_score": 0, "keep_streams": False}), Path()).keep_streams is False
