"""Engines of other packages: found by their entry points, used like ours, and what is said of broken ones."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from idse.engines import engine_class, engine_names, get_engine, registry
from idse.errors import IdseError

PACKAGE = Path(__file__).parent / "example_package"
DOCS = Path(__file__).parents[2] / "docs/engines.md"
BUILT_IN = ("native", "vtm", "x265", "svtav1", "x264", "jpeg", "learned")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the example package was installed into."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("example")
    source = Path(shutil.copytree(PACKAGE, folder / "source", ignore=shutil.ignore_patterns("__pycache__")))
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps",
        "--no-build-isolation", "--target", str(folder / "target"), str(source),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "target"


@pytest.fixture
def idse(installed: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command where the example package is installed."""
    path = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "idse", *arguments], cwd=tmp_path, env=os.environ | {"PYTHONPATH": path},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    ramp = np.add.outer(np.arange(48), 2 * np.arange(64)).astype(np.uint8)
    Image.fromarray(np.stack([ramp, ramp[::-1], ramp[:, ::-1]], axis=2)).save(folder / "a.png")
    return folder


def test_encode_and_decode(idse, pictures, tmp_path):
    done = idse(
        "encode", "pictures/a.png", "-o", "a.deflate", "--engine", "deflate", "--engine-option", "level=9", "--qp", "3",
        "--verify", "--json", "--recon", "a.yuv",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "coded without a map: the deflate engine takes none" in done.stderr
    provenance = json.loads(done.stdout)["provenance"]
    assert (provenance["engine"], provenance["level"], provenance["settings"]["qp"]) == ("deflate", 9, 3)
    done = idse("decode", "a.deflate", "--engine", "deflate", "-o", "b.yuv")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "b.yuv").read_bytes() == (tmp_path / "a.yuv").read_bytes()
    assert idse("encode", "pictures/a.png", "--engine", "deflate").returncode == 2  # QP 32
    assert (tmp_path / "a.deflate").exists()
    done = idse("encode", "pictures/a.png", "--engine", "deflate", "--qp", "0")
    assert (tmp_path / "pictures/a.deflate").exists()  # named by the engine's format


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--qp", "8"), "qp 8: must be 0..7"),
        (("--importance", "activity"), "the deflate engine takes no weights"),
        (("--target-bpp", "1"), "the deflate engine codes at a fixed qp: give --qp instead"),
        (("--md5",), "the deflate engine writes no MD5 of pictures"),
        (("--engine-option", "level=12"), "level 12: must be 0..9"),
        (("--engine-option", "depth=8"), "depth=8: the deflate engine has no option 'depth'; its options: level"),
        (("--engine-option", "level"), "--engine-option level: must look like NAME=VALUE"),
        (("--codec-depth", "8"), "--codec-depth is for x265, svtav1, x264, jpeg"),
        (("--vtm-mode", "intra"), "--vtm-mode is for VTM"),
    ],
)  # fmt: skip
def test_what_it_refuses(idse, pictures, arguments, message):
    done = idse("encode", "pictures/a.png", "--engine", "deflate", "--qp", "0", *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_plan(idse, pictures, tmp_path):
    pytest.importorskip("numba")
    (tmp_path / "plan.toml").write_text(
        '[dataset]\nkind = "folder"\nimages = "pictures"\n'
        '[[codecs]]\nname = "deflate"\nlevel = [1, 9]\nqp = [0, 4]\n'
        '[[codecs]]\nname = "native"\npreset = 0\nqp = [37]\n'
    )
    done = idse("sweep", "plan.toml", "-o", "plan.sqlite", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert "5 jobs" in done.stderr
    done = idse("sweep", "plan.toml", "-o", "plan.sqlite", "--jobs", "1")
    assert "0 jobs" in done.stderr  # keys are the same in every process
    done = idse("eval", "deflate:level=9", "--images", "pictures", "--qp", "0,4", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert "deflate" in done.stdout
    done = idse("doctor")
    assert "ok       engine deflate: version 1.0" in done.stdout


def test_names_ours_first(idse):
    done = idse("encode", "x.png", "--engine", "nothing")
    assert f"engine 'nothing' is unknown: this version has {', '.join(BUILT_IN)}, deflate" in done.stderr


def test_documentation_shows_the_package():
    blocks = re.findall(r"```(?:python|toml)\n(.*?)```", DOCS.read_text(), re.DOTALL)
    for name in ("pyproject.toml", "idse_deflate.py"):
        assert (PACKAGE / name).read_text() in blocks


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Makes installed packages that name engines."""

    def forget() -> None:
        registry._found.cache_clear()
        registry.engine_class.cache_clear()

    def make(name: str, points: str) -> None:
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[idse.engines]\n{points}\n")
        forget()

    monkeypatch.syspath_prepend(str(tmp_path))
    yield make
    forget()


def test_built_in_engines_are_entry_points():
    assert engine_names()[: len(BUILT_IN)] == BUILT_IN


def test_names_come_in_order(package):
    package("zz", "b = m:B\na = m:A")
    package("aa", "c = m:C")
    assert engine_names()[len(BUILT_IN) :] == ("a", "b", "c")


def test_one_name_in_two_packages(package):
    package("first", "same = m:A")
    package("second", "same = m:B\njpeg = m:J")
    with pytest.raises(IdseError, match="engine 'same' is in the packages first and second: uninstall all but one"):
        engine_class("same")
    with pytest.raises(IdseError, match="engine 'jpeg' is in the packages idse and second"):
        get_engine("jpeg")
    assert engine_class("x265").name == "x265"  # the others are not touched


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ("nowhere:X", " cannot be imported from {} (ModuleNotFoundError: No module named 'nowhere')"),
        ("broken:X", " cannot be imported from {} (ZeroDivisionError: division by zero)"),
        ("json:absent", " cannot be imported from {} (AttributeError: "),
        ("json:dumps", ": {} is not a subclass of idse.engines.Engine"),
        ("pathlib:Path", ": {} is not a subclass of idse.engines.Engine"),
        ("idse.engines.native:NativeEngine", ": {} calls itself 'native'; the names must agree"),
    ],
)  # fmt: skip
def test_entry_points_that_cannot_be_used(package, tmp_path, point, message):
    (tmp_path / "broken.py").write_text("1 / 0\n")
    package("other", f"theirs = {point}")
    with pytest.raises(IdseError) as error:
        engine_class("theirs")
    assert f"engine 'theirs'{message.format(f'{point} of the package other')}" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_stale_installation(package, tmp_path):
    folder = tmp_path / "idse-0.0.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: idse\nVersion: 0.0.1\n")
    package("other", "")
    with pytest.raises(IdseError, match=r"run 'pip install \.' again"):
        engine_class("native")


def test_options_of_another_engine():
    with pytest.raises(IdseError, match="the native engine has no option 'preset'; its options: none"):
        get_engine("native", preset=1)
    with pytest.raises(IdseError, match="the x264 engine has no option 'root'; its options: bit_depth, params, preset"):
        get_engine("x264", root="x")


def test_only_the_engine_that_is_asked_for_is_imported():
    code = (
        "import sys, idse.engines as e; e.engine_names(); e.engine_class('native')\n"
        "sys.exit(any(name.startswith(('idse.vtm', 'idse.learned', 'idse.engines.ffmpeg')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
