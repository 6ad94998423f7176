"""Reads a `[[codecs]]` table of a plan, which may describe several codecs."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from idse.engines import EncodeSettings, Engine, FrequencyScope, WeightScope, engine_class, engine_names
from idse.engines.settings import PRESETS, NativeTools, Shaping, tuning_gamma
from idse.errors import IdseError
from idse.importance.settings import PROFILES, SHAPING, ImportanceSettings
from idse.schema import check_table
from idse.sweeps.codec import PlanCodec
from idse.sweeps.task_models import read_task_models

_OWN = ("name", "engine", "qp", "scale", "importance", "task_models")
_SETTINGS = EncodeSettings().flat().keys() - {"qp", "target_bytes", "target_bpp", "threads"}
_HINTS: dict[str, Any] = {
    name: hint
    for part in (EncodeSettings, Shaping, NativeTools)
    for name, hint in get_type_hints(part).items()
    if name in _SETTINGS
}
_SettingsTable = dataclasses.make_dataclass(
    "_SettingsTable", [(name, hint, dataclasses.field(default=None)) for name, hint in sorted(_HINTS.items())]
)
"""The keys of `EncodeSettings` in a codec's table, for `check_table`."""
_TUNING = "tuning"
"""A key that stands for a value of `gamma`; it is not kept, so that both ways of writing give the same results."""
_FREQUENCY = (_TUNING, "gamma", "profile_floor", "frequency_scope", "scaling_lists")
"""Keys of the weights over frequency, which mean nothing to an engine without weights."""
_SHORT = {"proj_dim": "l", "exponent": "e", "weight_scope": "scope"}


def read_codecs(
    table: Mapping[str, Any], defaults: Mapping[str, Any], folder: Path, seed: int
) -> list[PlanCodec]:
    """The codecs that one `[[codecs]]` table describes.

    Every list of values except those of QPs and scales multiplies the number of codecs.

    Args:
        table: The `[[codecs]]` table.
        defaults: The plan's `qp` and `scale`.
        folder: The folder that paths are relative to.
        seed: The seed of weight maps.

    Raises:
        IdseError: A key is unknown, or a value is wrong.
    """
    engine = str(table.get("engine", table.get("name", "")))
    if engine not in engine_names():
        raise IdseError(f"plan: codec with engine '{engine}': must be one of {', '.join(engine_names())}")
    name = str(table.get("name", engine))
    try:
        coder = engine_class(engine)
        options, settings = _split(coder, {k: v for k, v in table.items() if k not in _OWN}, folder)
        qps = _curve(table, defaults, coder, options)
        low, high = coder.qp_range
        if wrong := [q for q in qps if not low <= q <= high]:
            raise IdseError(f"qp {wrong[0]}: {engine} takes {low}..{high}")
        scales = _whole_numbers("scale", table.get("scale", defaults.get("scale", [100])), 5, 100)
        importance = _importance_table(table.get("importance", {}), coder)
        task_models = read_task_models(table.get("task_models", {}), folder)
        return [
            _codec(name + label, engine, chosen, folder, seed, qps, scales, task_models)
            for chosen, label in _expand((options, settings, importance), coder.list_options | {"nodes"})
        ]
    except (TypeError, ValueError, IdseError) as error:
        raise IdseError(f"plan: codec '{name}': {error}") from None


def _importance_table(importance: Any, engine: type[Engine]) -> Mapping[str, Any]:
    if isinstance(importance, str):
        importance = {"method": importance}
    if not isinstance(importance, dict):
        raise IdseError("importance must be the name of a method or a table")
    profile = importance.get("profile", "none") not in ("own", "none")
    wanted = importance and (importance.get("method", "jacobian") != "none" or profile)
    if wanted and not engine.takes_weights:
        raise IdseError(f"{engine.name} takes no weight map: leave out importance")
    return importance


def _split(
    engine: type[Engine], given: Mapping[str, Any], folder: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the engine's class, and the fields of `EncodeSettings`."""
    accepted = engine.option_names()
    settings = _SETTINGS | {_TUNING} if engine.takes_weights else _SETTINGS - {*_FREQUENCY}
    for key in given:
        if key in _FREQUENCY and key not in accepted | settings:
            raise IdseError(f"{engine.name} takes no weight map: leave out {key}")
        if key not in accepted | settings:
            known = ", ".join(sorted(accepted | settings | set(_OWN)))
            raise IdseError(f"unknown key '{key}': {engine.name} takes {known}")
    options = {k: v for k, v in given.items() if k in accepted}
    for key in engine.path_options & options.keys():
        options[key] = str(folder / Path(options[key]).expanduser())
    return options, {k: v for k, v in given.items() if k not in accepted}


def _codec(
    name: str,
    engine: str,
    chosen: tuple[dict[str, Any], ...],
    folder: Path,
    seed: int,
    qps: tuple[int, ...],
    scales: tuple[int, ...],
    task_models: Mapping[str, str],
) -> PlanCodec:
    options, given, table = chosen
    settings = {k: _setting(k, v) for k, v in given.items()}
    if _TUNING in settings:
        if "gamma" in settings:
            raise IdseError("tuning and gamma: give one of them")
        settings["gamma"] = tuning_gamma(settings.pop(_TUNING))
    check_table(settings, _SettingsTable, "")
    asked: dict[str, Any] = ({"method": "jacobian", "seed": seed} | table) if table else {"method": "none"}
    if isinstance(asked.get("weights"), str):
        asked["weights"] = str(folder / asked["weights"])
    profile = asked.get("profile", "own")
    if isinstance(profile, str) and profile and profile not in PROFILES:
        asked["profile"] = str(folder / profile)
    importance = check_table(asked, ImportanceSettings, "importance")
    settings = {**SHAPING.get(importance.method, {}), **settings}
    codec = PlanCodec(name, engine, options, settings, importance, qps, scales, task_models)
    codec.encode_settings(qps[0])
    return codec


def _expand(
    tables: tuple[Mapping[str, Any], ...], whole: frozenset[str]
) -> Iterator[tuple[tuple[dict[str, Any], ...], str]]:
    """Every combination of the lists' values, with a label such as " tau=0.1 l=8".

    Lists of the keys `whole` are single values.
    """
    many = [
        (part, k)
        for part, table in enumerate(tables)
        for k, v in table.items()
        if isinstance(v, list) and k not in whole
    ]
    for values in itertools.product(*[tables[part][k] for part, k in many]):
        chosen = tuple(dict(table) for table in tables)
        for (part, key), value in zip(many, values, strict=True):
            chosen[part][key] = value
        yield chosen, "".join(f" {_SHORT.get(k, k)}={v}" for (_, k), v in zip(many, values, strict=True))


def _curve(
    table: Mapping[str, Any], defaults: Mapping[str, Any], engine: type[Engine], options: Mapping[str, Any]
) -> tuple[int, ...]:
    """The QPs of a codec.

    They come from its table, otherwise from the engine if it has QPs of its own (a learned codec), otherwise from the
    plan.
    """
    if "qp" not in table and (found := engine.points(options)) is not None:
        return found
    return _whole_numbers("qp", table.get("qp", defaults.get("qp")), 0, 100)


def _whole_numbers(key: str, value: Any, low: int, high: int) -> tuple[int, ...]:
    values = value if isinstance(value, list) else [value]
    if value is None or not values:
        raise IdseError(f"{key} is missing: give it for this codec or for the whole plan")
    for v in values:
        if isinstance(v, bool) or not isinstance(v, int) or not low <= v <= high:
            raise IdseError(f"{key} {v}: must be whole numbers {low}..{high}")
    return tuple(dict.fromkeys(values))


def _setting(key: str, value: Any) -> Any:
    if key == "weight_scope":
        return WeightScope.parse(str(value))
    if key == "frequency_scope":
        return FrequencyScope.parse(str(value))
    if key == "gamma" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)  # as a tuning gives it
    if key == "preset" and isinstance(value, str):
        if value not in PRESETS:
            raise IdseError(f"preset '{value}': must be one of {', '.join(PRESETS)}")
        return PRESETS.index(value)
    return value
