"""The content hash under which a result is kept: it covers everything that decides the result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from idse.datasets import Item
from idse.engines import EncodeSettings, Engine, NativeTools, Shaping, engine_class
from idse.errors import IdseError
from idse.hashing import file_hash, settings_hash
from idse.media.scaling import RESAMPLING
from idse.sweeps.codec import PlanCodec
from idse.sweeps.store import Store

MEASURING = (
    "1: stream decoded by FFmpeg and scaled back; PSNR at 10 bit, peak 1020; MS-SSIM of luma; "
    "detectors see float RGB, features against those of the 8-bit source"
)
"""Must be changed together with any code of this package that changes figures."""

_FIRST_TOOLS = ("ctu_size", "dual_tree", "cclm", "dependent_quant", "transform_skip", "deblocking", "wpp")
"""Tools that are part of every key, even at their default."""

_LATER_SHAPING = ("gamma", "profile_floor", "frequency_scope", "scaling_lists")
"""Fields of the shaping that the first stores did not have. Maps of that time have no profile, which they act on."""


def engine_identity(engine: Engine) -> dict[str, Any]:
    """The engine's name and version, and its `Engine.identity`: everything that decides its bytes."""
    return {"engine": engine.name, "version": engine.version, **engine.identity}


def result_key(
    digest: str,
    codec: PlanCodec,
    engine: dict[str, Any],
    map_identity: str,
    scale: int,
    qp: int,
    task_models: Mapping[str, str] | None = None,
) -> str:
    """The content hash of a result.

    Args:
        digest: The hash of the item's samples.
        codec: The codec.
        engine: `engine_identity`.
        map_identity: `Maps.identity`.
        scale: The coded size in per cent.
        qp: The QP.
        task_models: `task_digests`. They decide the observations, which belong to the result.
    """
    described = codec.described()
    settings = codec.encode_settings(qp)
    # A file's path does not decide the bytes. Its content does, and is part of the engine's identity.
    options = {
        k: v
        for k, v in described["options"].items()
        if k not in engine_class(codec.engine).unhashed_options
    }
    return settings_hash(
        {
            "item": digest,
            "engine": engine,
            "options": options,
            "settings": {k: v for k, v in described["settings"].items() if k not in _unused_shaping(settings)},
            "defaults": _deciding(settings),
            "map": map_identity,
            "scale": [scale, RESAMPLING if scale != 100 else ""],
            "qp": qp,
            "measuring": MEASURING,
        }
        | ({"task_models": dict(task_models)} if task_models else {}),
        24,
    )


def _deciding(settings: EncodeSettings) -> dict[str, Any]:
    """The settings that are part of keys. Those that were added later are only included if not at their default.

    Therefore results stay valid if the native encoder gets a new tool that they do not use.
    """
    unused = {
        tool.name
        for tool in dataclasses.fields(NativeTools)
        if tool.name not in _FIRST_TOOLS and getattr(settings.tools, tool.name) == tool.default
    }
    unused |= _unused_shaping(settings) | {"threads"}
    return {k: v for k, v in settings.flat().items() if k not in unused}


def _unused_shaping(settings: EncodeSettings) -> set[str]:
    """The fields of `_LATER_SHAPING` that are at their default, whether a plan names them or not."""
    return {name for name in _LATER_SHAPING if getattr(settings.shaping, name) == getattr(Shaping(), name)}


def item_digests(store: Store, items: list[Item], reading: dict[str, Any]) -> list[str]:
    """A hash of every item: of its file and of how it is read. Files that have not changed are not read again.

    Raises:
        IdseError: A file cannot be read.
    """
    digests, fresh = [], []
    for item in items:
        try:
            stat = item.path.stat()
            path = item.path.resolve()
            found = store.digest(path, stat.st_size, stat.st_mtime_ns)
            if found is None:
                with path.open("rb") as file:
                    found = file_hash(file)
                fresh.append((str(path), stat.st_size, stat.st_mtime_ns, found))
        except OSError as error:
            raise IdseError(f"{item.path}: cannot be read ({error.strerror})") from None
        digests.append(settings_hash({"file": found, "reading": reading}, 24))
    if fresh:
        store.put_digests(fresh)
    return digests
