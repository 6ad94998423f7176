"""What decides a result: the parts of the content hash that it is kept under."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from idse.datasets import Item
from idse.engines import EncodeSettings, Engine, NativeTools, engine_class
from idse.errors import IdseError
from idse.hashing import file_hash, settings_hash
from idse.sweeps.codec import PlanCodec
from idse.sweeps.scaling import RESAMPLING
from idse.sweeps.store import Store

MEASURING = (
    "1: stream decoded by FFmpeg and scaled back; PSNR at 10 bit, peak 1020; MS-SSIM of luma; "
    "detectors see float RGB, features against those of the 8-bit source"
)
"""Changes with whatever in this package changes figures."""

_FIRST_TOOLS = ("ctu_size", "dual_tree", "cclm", "dependent_quant", "transform_skip", "deblocking", "wpp")
"""Tools that every key names, whether they are at their default or not."""


def engine_identity(engine: Engine) -> dict[str, Any]:
    """Name, version and what else decides an engine's bytes.

    See `Engine.identity` for the last.
    """
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
        digest: Of the item's samples.
        codec: What codes it.
        engine: `engine_identity`.
        map_identity: `Maps.identity`.
        scale: Per cent of the size.
        qp: Point of the curve.
        task_models: `task_digests`: they decide what is seen in the result, and it holds what is seen in it.
    """
    described = codec.described()
    # Where a thing lies does not decide its bytes; what it is does, and stands in the engine's identity.
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
            "settings": described["settings"],
            "defaults": _deciding(codec.encode_settings(qp)),
            "map": map_identity,
            "scale": [scale, RESAMPLING if scale != 100 else ""],
            "qp": qp,
            "measuring": MEASURING,
        }
        | ({"task_models": dict(task_models)} if task_models else {}),
        24,
    )


def _deciding(settings: EncodeSettings) -> dict[str, Any]:
    """The settings that keys are made of; of tools that came later only those that are not at their default.

    So results stay valid when the native encoder gets a tool that they do not use.
    """
    unused = {
        tool.name
        for tool in dataclasses.fields(NativeTools)
        if tool.name not in _FIRST_TOOLS and getattr(settings.tools, tool.name) == tool.default
    }
    return {k: v for k, v in settings.flat().items() if k not in unused | {"threads"}}


def item_digests(store: Store, items: list[Item], reading: dict[str, Any]) -> list[str]:
    """Hash of every item's file and of how it is read; files that have not changed are not read again.

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
