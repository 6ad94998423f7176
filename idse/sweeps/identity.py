"""What decides a result: the parts of the content hash that it is kept under."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from idse.datasets import Item
from idse.engines import EncodeSettings, Engine
from idse.errors import IdseError
from idse.hashing import file_hash, settings_hash
from idse.media.frame import Frame
from idse.sweeps.codec import Codec
from idse.sweeps.scaling import RESAMPLING
from idse.sweeps.store import Store

MEASURING = (
    "1: stream decoded by FFmpeg and scaled back; PSNR at 10 bit, peak 1020; MS-SSIM of luma; "
    "detectors see float RGB, features against those of the 8-bit source"
)
"""Changes with whatever in this package changes figures."""


def probe_frame(width: int, height: int) -> Frame:
    """Waves of three colours, 8-bit 4:2:0: the same samples on every machine.

    A hash of what an encoder or an estimator makes of this frame identifies its build.
    """
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([128 + 90 * np.sin(x / (3 + k)) * np.cos(y / 5 + k) for k in range(3)], axis=2)
    return Frame.from_rgb(rgb.astype(np.uint8))


def engine_identity(engine: Engine) -> dict[str, Any]:
    """Name, version and what else decides an engine's bytes.

    That is what the engine itself reports (the hash of its build), else the hash of its stream of `probe_frame`, which
    changes with the library behind the engine and with every option, given or default.
    """
    identity: dict[str, Any] = {"engine": engine.name, "version": engine.version}
    own = getattr(engine, "identity", None)
    return identity | (own if own is not None else {"probe": _probe(engine)})


def _probe(engine: Engine) -> str:
    settings = EncodeSettings(qp=sum(engine.qp_range) // 2)
    return hashlib.sha256(engine.encode([probe_frame(96, 64)], None, settings).data).hexdigest()[:12]


def result_key(
    digest: str,
    codec: Codec,
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
        if k not in ("root", "executable", "codec", "in_process", "timeout")
    }
    return settings_hash(
        {
            "item": digest,
            "engine": engine,
            "options": options,
            "settings": described["settings"],
            "defaults": {k: v for k, v in codec.encode_settings(qp).__dict__.items() if k != "threads"},
            "map": map_identity,
            "scale": [scale, RESAMPLING if scale != 100 else ""],
            "qp": qp,
            "measuring": MEASURING,
        }
        | ({"task_models": dict(task_models)} if task_models else {}),
        24,
    )


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
