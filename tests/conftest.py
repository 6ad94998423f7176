"""What tests of several rooms share."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: tests share their machine
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from idse.media.frame import Frame

MAY_BE_ABSENT = (
    "VTM",  # a user's checkout
    "development data",
    "Chromium",
    "CUDA device",
    "does not show a picture's QPs",  # versions of PyAV
    "is not the peers'",  # versions of encoders
    "limit cannot be raised",
    "Linux's|looks at processes in /proc",
    *(("compressai",) if sys.version_info >= (3, 13) else ()),  # it has no files for later ones
)
"""Regular expressions of reasons for which `--strict-skips` lets a test skip what idse[dev] does not bring."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--strict-skips",
        action="store_true",
        help="a test that is skipped for want of the native build or of an extra fails",
    )


def _forbid_skip(config: pytest.Config, report: pytest.CollectReport | pytest.TestReport) -> None:
    if not config.getoption("--strict-skips") or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not any(re.search(pattern, reason) for pattern in MAY_BE_ABSENT):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: {reason} (--strict-skips: this must not be absent)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _forbid_skip(item.config, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _forbid_skip(collector.config, report)
    return report


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of development data: IDSE_SHARED, or `shared` beside the repository."""
    folder = Path(os.environ.get("IDSE_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"development data absent: no {folder}/data (set IDSE_SHARED)")
    return folder


@pytest.fixture(scope="session")
def photograph() -> np.ndarray:
    """RGB of a real photograph, uint8 `[300, 451, 3]` (odd width): a part of scikit-image's astronaut."""
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[:300, 20:471])


@pytest.fixture(scope="session")
def small_frame(photograph: np.ndarray) -> Frame:
    """A face, 8-bit 4:2:0, 128x96."""
    return Frame.from_rgb(np.ascontiguousarray(photograph[60:156, 130:258]))


@pytest.fixture(scope="session")
def untrained_codec() -> Any:
    """Makes a learned codec (`TrainedCodec`) of random weights with latents that are not all zero.

    Two points; `seed` tells codecs apart. Its pictures are noise, its streams are real.
    """
    pytest.importorskip("compressai", reason="learned codecs need compressai")
    import torch

    from idse.learned.coding.codec_file import TrainedCodec, make_point
    from idse.learned.models import ModelSettings, build_codec

    def make(system: str = "scale-hyperprior", seed: int = 0) -> TrainedCodec:
        settings = ModelSettings(system, channels=12, latent=6 if system == "icm" else 18)  # type: ignore[arg-type]
        state = torch.random.get_rng_state()
        points = []
        for i, gain in enumerate((400.0, 100.0)):
            torch.manual_seed(seed + i)
            model = build_codec(settings)
            model.g_a[-1].weight.data *= gain
            model.h_a[-1].weight.data *= 20
            points.append(make_point(model, f"gain {gain:g}", i, {"bpp": gain / 100}))
        torch.random.set_rng_state(state)
        return TrainedCodec(system, settings, points)

    return make
