"""Configurations: a value of another type than its key has, or an unknown key, is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("compressai", reason="learned codecs need compressai")

from idse.errors import IdseError
from idse.learned.training.config import parse_config, read_config
from idse.toml_file import toml_text

TRUE_OR_FALSE, WHOLE, NUMBER, TEXT = "true or false", "a whole number", "a number", "a text"
TYPES = {
    "": {"seed": WHOLE, "name": TEXT, "data": "a table", "optimizer": "a table"},
    "data": {
        "crop": WHOLE,
        "batch": WHOLE,
        "validation": WHOLE,
        "flip": TRUE_OR_FALSE,
        "limit": WHOLE,
        "name": TEXT,
    },
    "codec": {
        "channels": WHOLE,
        "latent": WHOLE,
        "blocks": WHOLE,
        "init_point": WHOLE,
        "start_gain": NUMBER,
        "init": "the name",
    },
    "codec.mask": {"level": WHOLE, "sees_hyper": TRUE_OR_FALSE, "sha256": TEXT, "detector": TEXT},
    "task": {"classes": WHOLE, "weights": "the name", "model": TEXT},
    "setup": {"decoder_fixed": TRUE_OR_FALSE, "gains": TRUE_OR_FALSE, "rounding": TEXT, "name": TEXT},
    "optimizer": {"lr": NUMBER, "task_lr": NUMBER, "clip": NUMBER, "accumulate": WHOLE, "amp": TRUE_OR_FALSE},
    "schedule": {"epoch_steps": WHOLE},
    "schedule.phases[0]": {
        "epochs": WHOLE,
        "init_point": WHOLE,
        "rate": NUMBER,
        "mse": NUMBER,
        "task": NUMBER,
        "lr": NUMBER,
        "lr_end": NUMBER,
        "gain": NUMBER,
    },
    "selection": {"points": WHOLE, "every": WHOLE, "first": WHOLE, "metric": "one of"},
}
WRONG: dict[str, list[Any]] = {
    WHOLE: ["1", True, [1], 1.5, {"a": 1}, 2**70],
    NUMBER: ["1e-4", True, [1], {"a": 1}, float("nan"), float("inf"), 10**400],
    TRUE_OR_FALSE: ["false", 0, 1, [False], 1.0],
    TEXT: [1, True, ["a"]],
    "one of": [1, True, ["psnr"], "psnr "],
    "the name": [1, True, ["a"]],
    "a table": [1, "a", [1]],
}


def config_with(table: str, values: dict[str, Any]) -> str:
    """The text of a configuration with values in one of its tables."""
    config: dict[str, Any] = {
        "data": {"kind": "folder", "images": "p"},
        "codec": {"system": "icm", "channels": 8, "latent": 6, "mask": {"detector": "a.onnx"}},
        "task": {"model": "a.onnx"},
        "setup": {},
        "optimizer": {},
        "schedule": {"phases": [{"epochs": 1, "rate": 1.0}]},
        "selection": {},
    }
    place = {
        "": config,
        "codec.mask": config["codec"]["mask"],
        "schedule.phases[0]": config["schedule"]["phases"][0],
    }.get(table) or config.get(table)
    assert place is not None
    place.update(values)
    return toml_text(config)


@pytest.mark.parametrize(
    ("table", "key", "form", "value"),
    [
        pytest.param(table, key, form, value, id=f"{table}.{key}={str(value)[:12]}")
        for table, keys in TYPES.items()
        for key, form in keys.items()
        for value in WRONG[form]
    ],
)
def test_another_type(table: str, key: str, form: str, value: Any) -> None:
    with pytest.raises(IdseError) as refused:
        parse_config(config_with(table, {key: value}), Path())
    message = str(refused.value)
    assert "\n" not in message
    assert message.startswith(f"{table}.{key} " if table else f"{key} ")
    assert f": must be {form}" in message


@pytest.mark.parametrize("table", list(TYPES))
def test_an_unknown_key(table: str) -> None:
    name = {"": "the configuration"}.get(table, table)
    with pytest.raises(IdseError) as refused:
        parse_config(config_with(table, {"colour": 1}), Path())
    assert str(refused.value).startswith(f"unknown key 'colour' in {name}: it takes ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("table", "values", "message"),
    [
        ("optimizer", {"lr": 0}, "optimizer.lr 0: must be a number, above 0"),
        ("optimizer", {"clip": -1}, "optimizer.clip -1: must be a number, at least 0"),
        ("data", {"batch": 0}, "data.batch 0: must be a whole number, at least 1"),
        ("setup", {"train": "task"}, "setup.train 'task': must be a list of texts"),
        ("task", {"loss": "all"}, 'task.loss \'all\': must be one of "features", "detections", "training"'),
        ("codec", {"mask": "a.onnx"}, r"codec.mask: must be a table, written as \[codec.mask\]"),
        ("codec", {"system": 1}, "codec.system 1: must be one of"),
        ("schedule", {"phases": {"epochs": 1}}, r"must be written as \[\[schedule.phases\]\]"),
        ("schedule", {"kind": "slow"}, 'schedule.kind \'slow\': must be one of "phases", "le"'),
        ("schedule", {"kind": "le"}, "unknown key 'phases' in schedule"),
    ],
)
def test_messages(table: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(IdseError, match=message):
        parse_config(config_with(table, values), Path())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"p": [1, 2, "3", 4]}, r"schedule.p\[2\] '3': must be a whole number"),
        ({"p": [1, 2, 3]}, r"schedule.p \[1, 2, 3\]: must be a list of 4 whole numbers"),
        ({"epochs": True}, "schedule.epochs true: must be a whole number"),
    ],
)
def test_les_schedule(values: dict[str, Any], message: str) -> None:
    text = config_with("", {"schedule": {"kind": "le"} | values})
    with pytest.raises(IdseError, match=message):
        parse_config(text, Path())


def test_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "fast.toml"
    file.write_text(config_with("optimizer", {"lr": "fast"}))
    with pytest.raises(IdseError) as refused:
        read_config(file)
    assert str(refused.value) == f"{file}: optimizer.lr 'fast': must be a number, above 0"


def test_whole_numbers_are_numbers() -> None:
    assert parse_config(config_with("optimizer", {"lr": 1}), Path()).optimizer.lr == 1
