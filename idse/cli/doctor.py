"""`idse doctor`."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from idse import __version__
from idse.engines import ENGINES, engine_class, get_engine
from idse.errors import IdseError

_PACKAGES = ("numpy", "torch", "av", "pillow")
_OPTIONAL = {
    "torchvision": "detectors",
    "onnx": "detectors",
    "onnx2torch": "detectors",
    "numba": "evaluate",
    "compressai": "learned",
}


def doctor() -> None:
    """Say what is installed, and which engines and devices work; fails if the main job cannot be done."""
    print(f"idse {__version__}, Python {platform.python_version()}, {platform.platform()}")
    missing = []
    for package in (*_PACKAGES, *_OPTIONAL):
        try:
            print(f"  ok       {package} {version(package)}")
        except PackageNotFoundError:
            if package in _OPTIONAL:
                print(f"  absent   {package}: pip install 'idse[{_OPTIONAL[package]}]'")
            else:
                print(f"  MISSING  {package}: pip install {package}")
                missing.append(package)
    checks: list[tuple[str, Callable[[], str]]] = [
        ("engine native", _native),
        ("decoder", _decoder),
        ("devices", _devices),
        ("detector embedded", _embedded),
        ("one round trip", _round_trip),
    ]
    for name, check in checks:
        if not _say(name, check):
            missing.append(name)
    for engine in ENGINES:
        if not engine_class(engine).takes_weights and engine != "learned":  # which needs a codec's file
            _say(f"engine {engine}", partial(_anchor, engine), failure="absent ")
    for name, check in (("engine vtm", _vtm), ("engine vtm in process", _vtm_in_process)):
        _say(name, check, failure="absent ")  # the user's own, if any
    if missing:
        raise IdseError(f"not in order: {', '.join(missing)}")
    print("everything the main job needs works")


def _say(name: str, check: Callable[[], str], failure: str = "MISSING") -> bool:
    try:
        print(f"  ok       {name}: {check()}")
    except (IdseError, ImportError) as error:
        print(f"  {failure}  {name}: {error}")
        return False
    return True


def _native() -> str:
    return f"version {get_engine('native').version}"


def _anchor(name: str) -> str:
    return f"version {get_engine(name).version}"


def _vtm() -> str:
    from idse.vtm.engine import VtmEngine, find_root

    if find_root() is None:
        raise IdseError("set IDSE_VTM_ROOT to the folder of a built VTM, to code with it")
    engine = VtmEngine()
    patched = "patched" if engine.patched else "not patched: codes without weights"
    return f"VTM {engine.version} at {engine.tree.root}, built, {patched}"


def _vtm_in_process() -> str:
    from idse.vtm.in_process import InProcess

    inside = InProcess()
    return f"VTM {inside.version}, built from {inside.root}"


def _decoder() -> str:
    import av

    from idse.media.video import has_vvc_decoder

    if not has_vvc_decoder():
        raise IdseError("this PyAV has no VVC decoder: pip install 'av>=15'")
    return f"FFmpeg's VVC decoder, PyAV {av.__version__}"


def _devices() -> str:
    import torch

    names = (
        [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        if torch.cuda.is_available()
        else []
    )
    return ", ".join(
        [f"cpu ({torch.get_num_threads()} threads)", *(f"cuda:{i} ({n})" for i, n in enumerate(names))]
    )


def _embedded() -> str:
    from idse.features.loading import load_extractor

    return str(load_extractor("embedded", device="cpu").description.get("weights_sha256", ""))[:12]


def _round_trip() -> str:
    import numpy as np

    from idse.engines import EncodeSettings
    from idse.media.frame import Frame
    from idse.pipeline import code

    ramp = np.add.outer(np.arange(64), 2 * np.arange(64)).astype(np.uint8)
    frame = Frame.from_rgb(np.stack([ramp, ramp.T, ramp[::-1]], axis=2))
    stream = code([frame], None, EncodeSettings(), get_engine("native"), verify=True)
    return f"64x64 coded in {len(stream.data)} bytes, decoded to the same samples"
