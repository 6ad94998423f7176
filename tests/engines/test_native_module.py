"""The compiled module by itself: it reads no array that is smaller than it says, and needs no second thread."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from idse.engines import EncodeSettings, get_engine
from idse.errors import IdseError
from idse.media.frame import Frame

native = pytest.importorskip("idse._native")

WIDTH, HEIGHT = 40, 24


def plane(height: int, width: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 256, (height, width)).astype(np.uint16)


PLANES = [plane(HEIGHT, WIDTH), plane(HEIGHT // 2, WIDTH // 2), plane(HEIGHT // 2, WIDTH // 2)]


def raster(*shape: int) -> np.ndarray[Any, Any]:
    return np.linspace(1, 2, int(np.prod(shape)), dtype=np.float32).reshape(shape)


def encode(
    frames: Any = None,
    width: int = WIDTH,
    height: int = HEIGHT,
    chroma: int = 1,
    log2_unit: int = 3,
    planes: Any = None,
    tiles: Any = None,
) -> bytes:
    weights = [] if planes is None else [native.Weights(log2_unit, planes, tiles)]
    frames = [PLANES] if frames is None else frames
    settings = native.Settings()
    settings.preset = 0
    return native.encode(frames, width, height, 8, chroma, weights, settings)[0]


def test_what_fits_is_coded():
    plain = encode()
    assert encode([PLANES[:1]], chroma=0) != plain
    map_plane = raster(3, 5)
    weighted = encode(planes=[map_plane])
    assert weighted != plain
    assert encode(planes=[map_plane] * 3) == weighted
    assert encode(planes=[map_plane], tiles=raster(3, 5, 2, 64)) != plain
    # Of any type and order, as long as the shape is right.
    assert encode([[np.asfortranarray(p.astype(np.uint8)) for p in PLANES]]) == plain
    assert encode(planes=[raster(24, 40)], log2_unit=0) != plain
    assert encode(planes=[raster(1, 1)], log2_unit=7) == plain


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"frames": [[plane(HEIGHT, WIDTH - 1), *PLANES[1:]]]}, "a luma plane is 24x39, not 24x40"),
        ({"frames": [[plane(1, 1), *PLANES[1:]]]}, "a luma plane is 1x1, not 24x40"),
        ({"frames": [[PLANES[0].T, *PLANES[1:]]]}, "a luma plane is 40x24, not 24x40"),
        ({"frames": [[PLANES[0].ravel(), *PLANES[1:]]]}, "a luma plane is 960, not 24x40"),
        ({"frames": [[PLANES[0][None], *PLANES[1:]]]}, "a luma plane is 1x24x40, not 24x40"),
        ({"frames": [[np.uint16(3), *PLANES[1:]]]}, "a luma plane is a single number, not 24x40"),
        ({"frames": [[*PLANES[:2], plane(12, 19)]]}, "a chroma plane is 12x19, not 12x20"),
        ({"frames": [[PLANES[0]] * 3]}, "a chroma plane is 24x40, not 12x20"),
        ({"frames": [PLANES, [plane(8, 8)] * 3]}, "a luma plane is 8x8"),
        ({"frames": [PLANES[:1]]}, "a frame has 1 planes, not 3"),
        ({"frames": [PLANES], "chroma": 0}, "a frame has 3 planes, not 1"),
        ({"frames": [[]], "chroma": 0}, "a frame has 0 planes, not 1"),
        ({"frames": []}, "no frame"),
        ({"chroma": 2}, "chroma must be 0 or 1"),
        ({"chroma": -1}, "chroma must be 0 or 1"),
        ({"width": 0}, "width and height must be at least 1, not 0x24"),
        ({"height": -24}, "width and height must be at least 1, not 40x-24"),
        ({"frames": [[plane(2, 0)]], "width": 0, "height": 2, "chroma": 0}, "must be at least 1"),
        ({"frames": [[plane(1, 9000)]], "width": 9000, "height": 1, "chroma": 0}, "width must be 1 to 8192"),
        ({"frames": [[plane(9, 9), plane(5, 5), plane(5, 5)]], "width": 9, "height": 9}, "even width"),
        ({"planes": []}, "has 0 planes, not 1 or 3"),
        ({"planes": [raster(3, 5)] * 2}, "has 2 planes, not 1 or 3"),
        ({"planes": [raster(3, 4)]}, "a plane of the weight map is 3x4, not 3x5"),
        ({"planes": [raster(3, 5), raster(3, 5), raster(2, 5)]}, "is 2x5, not 3x5"),
        ({"planes": [raster(15)]}, "is 15, not 3x5"),
        ({"planes": [raster(3, 5)], "log2_unit": 2}, "is 3x5, not 6x10"),
        ({"planes": [raster(3, 5)], "log2_unit": 8}, "log2_unit is 8, not 0 to 7"),
        ({"planes": [raster(3, 5)], "log2_unit": -1}, "log2_unit is -1, not 0 to 7"),
        ({"planes": [raster(3, 5)], "tiles": raster(3, 5, 64)}, "tiles is 3x5x64, not 3x5x1x64"),
        ({"planes": [raster(3, 5)], "tiles": raster(3, 5, 2, 63)}, "is 3x5x2x63, not 3x5x2x64"),
        ({"planes": [raster(3, 5)], "tiles": raster(3, 4, 2, 64)}, "is 3x4x2x64, not 3x5x2x64"),
        ({"planes": [raster(3, 5)], "tiles": raster(3, 5, 0, 64)}, "is 3x5x0x64, not 3x5x1x64"),
        ({"planes": [raster(3, 5)], "tiles": raster(3, 5, 65, 64)}, "tile rank is 65, not 1 to 64"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(given, words):
    with pytest.raises(IdseError) as raised:
        encode(**given)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("target", [None, 300])
def test_progress_grows_to_one(target):
    noise = np.random.default_rng(0).integers(0, 256, (256, 512), dtype=np.uint8)
    seen: list[float] = []
    settings = EncodeSettings(threads=2, wpp=True, target_bytes=target)
    get_engine("native").encode([Frame((noise,), 8, "400")] * 2, None, settings, seen.append)
    assert seen == sorted(seen)
    assert seen[0] > 0
    assert seen[-1] == 1


# A limit of the stack decides how much a new thread asks for: here more than the process may have.
WITHOUT_THREADS = """
import hashlib, resource, sys, threading
import numpy as np
from idse.engines import EncodeSettings, get_engine
from idse.media.frame import Frame
if "limited" in sys.argv:
    started = threading.Thread(target=int)
    try:
        started.start()
    except RuntimeError:
        pass
    else:
        sys.exit("a thread was created")
sizes = (256, 128), (128, 64), (128, 64)
planes = tuple(np.arange(n * m, dtype=np.uint32).reshape(n, m).astype(np.uint8) for n, m in sizes)
for settings in EncodeSettings(threads=4, wpp=True, ctu_size=64, preset=0), EncodeSettings(threads=3, preset=0):
    seen = []
    stream = get_engine("native").encode([Frame(planes)] * 3, None, settings, seen.append)
    assert seen == sorted(seen) and seen[-1] == 1, seen
    print(hashlib.sha256(stream.data).hexdigest())
class Enough(Exception):
    pass
def stop(share):
    raise Enough
try:
    get_engine("native").encode([Frame(planes)], None, EncodeSettings(), stop)
except Enough:
    print("stopped")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_an_encode_needs_no_further_thread(tmp_path):
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_STACK, (1 << 40, resource.getrlimit(resource.RLIMIT_STACK)[1]))
        resource.setrlimit(resource.RLIMIT_AS, (1 << 36, resource.getrlimit(resource.RLIMIT_AS)[1]))

    if resource.getrlimit(resource.RLIMIT_STACK)[1] != resource.RLIM_INFINITY:
        pytest.skip("the stack's limit cannot be raised")
    said = [
        subprocess.run(
            [sys.executable, "-c", WITHOUT_THREADS, *arguments],
            capture_output=True,
            text=True,
            preexec_fn=prepare,
            cwd=tmp_path,  # not the checkout, where nothing is built
            env={"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ":".join(filter(None, sys.path))},
            check=False,
        )
        for arguments, prepare in (((), None), (("limited",), limit))
    ]
    assert [p.returncode for p in said] == [0, 0], said[1].stderr
    assert said[0].stdout == said[1].stdout
    assert said[0].stdout.endswith("stopped\n")
