"""`idse doctor`: checks the installation."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from idse import __version__
from idse.engines import engine_class, engine_names
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
    """Print what is installed and which engines and devices work; fail if pictures cannot be coded."""
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
    checks: list[tuple[str, Callable[[], str | None]]] = [
        ("engine native", _native),
        ("decoder", _decoder),
        ("devices", _devices),
        ("detector embedded", _embedded),
        ("one round trip", _round_trip),
    ]
    for name, check in checks:
        if not _say(name, check):
            missing.append(name)
    for engine in engine_names():
        if engine != "native":  # the other engines are optional
            _say(f"engine {engine}", partial(_installation, engine), failure="absent ")
    _say("engine vtm in process", _vtm_in_process, failure="absent ")
    if missing:
        raise IdseError(f"missing or not working: {', '.join(missing)}; install what the lines above name")
    print("everything needed to code pictures works")


def _say(name: str, check: Callable[[], str | None], failure: str = "MISSING") -> bool:
    try:
        found = check()
    except (IdseError, ImportError) as error:
        print(f"  {failure}  {name}: {error}")
        return False
    if found is not None:
        print(f"  ok       {name}: {found}")
    return True


def _native() -> str | None:
    return _installation("native")


def _installation(name: str) -> str | None:
    return engine_class(name).installation()


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

    extractor = load_extractor("embedded", device="cpu")
    targets = ", ".join(sorted(getattr(extractor, "profiles", {})))
    profiles = f"mean profiles of {targets}" if targets else "no profile over frequency"
    return f"{str(extractor.description.get('weights_sha256', ''))[:12]}, {profiles}"


def _round_trip() -> str:
    import numpy as np

    from idse.engines import EncodeSettings, get_engine
    from idse.engines.verify import encode_verified
    from idse.media.frame import Frame

    ramp = np.add.outer(np.arange(64), 2 * np.arange(64)).astype(np.uint8)
    frame = Frame.from_rgb(np.stack([ramp, ramp.T, ramp[::-1]], axis=2))
    stream = encode_verified(get_engine("native"), [frame], None, EncodeSettings())
    return f"64x64 coded in {len(stream.data)} bytes, decoded to the same samples"
