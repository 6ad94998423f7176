"""Every system and set-up from a configuration to streams: trained, killed, resumed, coded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("compressai", reason="learned codecs need compressai")
pytest.importorskip("onnx2torch", reason="task losses of ONNX detectors need onnx2torch")
pytest.importorskip("onnxruntime", reason="ONNX detectors need onnxruntime")

import onnxruntime
import toys
from PIL import Image

from idse.cli.main import main
from idse.detectors import DetectorSettings, load_detector
from idse.learned.coding.codec_file import TrainedCodec
from idse.learned.training.checkpoint import RunFolder

KILLED_AFTER = 2  # epochs
EPOCHS = 8

COMMON = """
seed = 3
[data]
kind = "folder"
images = "pictures"
crop = {crop}
batch = 2
validation = 2
[task]
model = "detector.onnx"
loss = "{loss}"
[optimizer]
lr = 1e-3
[selection]
metric = "{metric}"
points = 2
[codec]
"""
HYPERPRIOR = """
system = "scale-hyperprior"
channels = 16
latent = 24
"""
AUTOREGRESSIVE = """
system = "joint-autoregressive"
channels = 16
latent = 24
"""
LADDER = """
start_gain = 30
[schedule]
epoch_steps = 2
[[schedule.phases]]
epochs = 4
rate = 1e-4
[[schedule.phases]]
epochs = 4
rate = 1e-3
gain = 0.4
"""
TUNING = """
init = "{base}/codec.idsec"
{mask}
[setup]
name = "{setup}"
decoder_fixed = {fixed}
[schedule]
epoch_steps = 2
[[schedule.phases]]
epochs = 4
rate = {rate}
mse = 0
task = 1
init_point = 0
[[schedule.phases]]
epochs = 4
rate = {rate}
mse = 0
task = 1
init_point = 1
"""
ICM = """
system = "icm"
channels = 12
latent = 6
start_gain = 30
[schedule]
kind = "le"
epoch_steps = 2
p = [1, 2, 4, 6]
epochs = 8
"""
MASK = """
[codec.mask]
detector = "detector.onnx"
"""


def tuning(base: str, setup: str, *, fixed: bool = False, mask: str = "", rate: float = 0.2) -> str:
    return TUNING.format(base=base, setup=setup, fixed=str(fixed).lower(), mask=mask, rate=rate)


@dataclass(frozen=True)
class System:
    """A configuration; `base` is the system whose codec it begins with."""

    codec: str
    base: str = ""
    crop: int = 64
    loss: str = "features"
    metric: str = "task_loss"

    @property
    def toml(self) -> str:
        return COMMON.format(crop=self.crop, loss=self.loss, metric=self.metric) + self.codec


SYSTEMS = {
    "hyperprior": System(HYPERPRIOR + LADDER, metric="psnr"),
    "autoregressive": System(AUTOREGRESSIVE + LADDER, metric="psnr"),
    "icm": System(ICM),
    "lsmnet": System(
        AUTOREGRESSIVE + tuning("autoregressive", "mask", mask=MASK, rate=0.1), "autoregressive", crop=0
    ),
    "c-ft": System(HYPERPRIOR + tuning("hyperprior", "C-FT"), "hyperprior", crop=0),
    "c-ft-fixed": System(HYPERPRIOR + tuning("hyperprior", "C-FT", fixed=True), "hyperprior"),
    "j-ft": System(HYPERPRIOR + tuning("hyperprior", "J-FT"), "hyperprior"),
    "t-ft": System(HYPERPRIOR + tuning("hyperprior", "T-FT"), "hyperprior", loss="detections"),
}
Runs = Callable[[str], Path]
Elsewhere = Callable[..., tuple[int, str]]


def tiles(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    shape = -(-height // 8), -(-width // 8), 3
    colours = rng.integers(0, 256, shape).repeat(8, 0).repeat(8, 1)[:height, :width]
    return Image.fromarray(colours.astype(np.uint8))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Configurations, beside their pictures, a detector, and pictures whose sides no codec's grid divides."""
    folder = tmp_path_factory.mktemp("systems")
    (folder / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for i in range(6):
        tiles(rng, 80, 72).save(folder / "pictures" / f"{i}.png")
    tiles(rng, 618, 474).save(
        folder / "in.png"
    )  # so large that sums over it come out otherwise in two threads
    tiles(rng, 106, 74).save(folder / "small.png")
    toys.yolox(folder / "detector.onnx", classes=80)
    for name, system in SYSTEMS.items():
        (folder / f"{name}.toml").write_text(system.toml)
    return folder


@pytest.fixture(scope="module")
def runs(bench: Path) -> Runs:
    """Gives the folder of a system's run that nothing interrupted; read only."""

    def run(name: str) -> Path:
        folder = bench / name
        if not folder.exists():
            if base := SYSTEMS[name].base:
                run(base)
            assert main(["train", str(bench / f"{name}.toml"), "-o", str(folder), "--device", "cpu"]) == 0
        return folder

    return run


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """Runs `idse` in another process, with two threads where this one has one: exit status, what was said."""
    program = (
        "import json, sys\n"
        "from idse.cli.main import main\n"
        "for line in sys.stdin:\n"
        "    print('\\nstatus', main(json.loads(line)), flush=True)\n"
    )
    said = tmp_path_factory.mktemp("elsewhere") / "said"
    with (
        said.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "2"},
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        told, asked = process.stdout, process.stdin

        def idse(*arguments: object) -> tuple[int, str]:
            before = said.stat().st_size
            asked.write(json.dumps([str(a) for a in arguments]) + "\n")
            asked.flush()
            for line in told:
                if line.startswith("status "):
                    return int(line.split()[1]), said.read_text()[before:]
            raise AssertionError(said.read_text())

        yield idse
        asked.close()


def kill_in_the_middle(fork: Any, config: Path, run: Path) -> None:
    """Train until a checkpoint appears, and end that with SIGKILL."""
    training = fork(None, "train", config, "-o", run, "--threads", "1", "--device", "cpu")
    training.wait_for(RunFolder(run).checkpoint(KILLED_AFTER))
    training.process.kill()
    assert training.wait().status == -signal.SIGKILL
    assert RunFolder(run).latest() in range(KILLED_AFTER, EPOCHS)
    assert not (run / "codec.idsec").exists()


def task_files(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.glob("task-*")}


# c-ft-fixed differs from c-ft in what is frozen, not in what a checkpoint holds.
@pytest.mark.parametrize("name", [name for name in SYSTEMS if name != "c-ft-fixed"])
def test_killed_and_resumed(bench: Path, runs: Runs, fork: Any, tmp_path: Path, name: str) -> None:
    whole, run, config = runs(name), tmp_path / "run", bench / f"{name}.toml"
    kill_in_the_middle(fork, config, run)
    assert main(["train", str(config), "-o", str(run), "--threads", "1", "--device", "cpu"]) == 0
    assert RunFolder(run).read_log() == RunFolder(whole).read_log()
    codec = TrainedCodec.load(run / "codec.idsec")
    assert codec.digest == TrainedCodec.load(whole / "codec.idsec").digest
    assert task_files(run) == task_files(whole)


@pytest.mark.parametrize("name", SYSTEMS)
def test_streams(bench: Path, runs: Runs, elsewhere: Elsewhere, tmp_path: Path, name: str) -> None:
    """Bytes and samples are the same here, and in another process with another number of threads."""
    codec = runs(name) / "codec.idsec"
    source = np.asarray(Image.open(bench / "in.png").convert("L")).astype(float)
    for point in range(len(TrainedCodec.load(codec).points)):
        here, there, recon, decoded = (
            tmp_path / f"{point}{end}" for end in (".idsl", "b.idsl", ".yuv", "b.yuv")
        )
        encode = ["encode", bench / "in.png", "--engine", "learned", "--codec", codec, "--qp", point, "-o"]
        assert main([*map(str, encode), str(here), "--recon", str(recon)]) == 0
        # It decodes before it has ever coded anything with this codec.
        assert elsewhere("decode", here, "--codec", codec, "-o", decoded)[0] == 0
        assert decoded.read_bytes() == recon.read_bytes()
        assert main(["decode", str(here), "--codec", str(codec), "-o", str(decoded)]) == 0
        assert decoded.read_bytes() == recon.read_bytes()
        assert elsewhere(*encode, there)[0] == 0
        assert there.read_bytes() == here.read_bytes()
        luma = np.frombuffer(recon.read_bytes(), np.uint8)[: source.size].reshape(source.shape)
        assert np.corrcoef(luma.ravel(), source.ravel())[0, 1] > 0.5  # it shows the picture


@pytest.mark.parametrize("name", ["lsmnet", "c-ft-fixed", "t-ft"])
def test_decoders_in_the_field_play_the_streams(
    bench: Path, runs: Runs, elsewhere: Elsewhere, tmp_path: Path, name: str
) -> None:
    """What trains only before the stream, or only after the picture, leaves the base codec's decoder as it was."""
    codec, base = runs(name) / "codec.idsec", runs(SYSTEMS[name].base) / "codec.idsec"
    tuned, old = TrainedCodec.load(codec), TrainedCodec.load(base)
    picture = str(bench / "small.png")
    for point in range(len(tuned.points)):
        before = old.find(tuned.points[point].decoder_id)
        streams = []
        for file, qp in ((codec, point), (base, before)):
            stream, recon = tmp_path / f"{file.parent.name}.idsl", tmp_path / f"{file.parent.name}.yuv"
            arguments = ["encode", picture, "--engine", "learned", "--codec", str(file), "--qp", str(qp)]
            assert main([*arguments, "-o", str(stream), "--recon", str(recon)]) == 0
            streams.append((stream.read_bytes(), recon.read_bytes()))
        decoded = tmp_path / "decoded.yuv"
        assert elsewhere("decode", tmp_path / f"{name}.idsl", "--codec", base, "-o", decoded)[0] == 0
        assert decoded.read_bytes() == streams[0][1]
        assert (streams[0] == streams[1]) == (name == "t-ft")  # the encoder is another one, but for T-FT
        if name == "lsmnet":  # the mask draws latents to their means
            assert len(streams[0][0]) < len(streams[1][0])


@pytest.mark.parametrize("name", ["c-ft", "j-ft"])
def test_trained_decoders_are_other_decoders(
    bench: Path, runs: Runs, elsewhere: Elsewhere, tmp_path: Path, name: str
) -> None:
    codec, stream = runs(name) / "codec.idsec", tmp_path / "out.idsl"
    arguments = [
        "encode",
        str(bench / "small.png"),
        "--engine",
        "learned",
        "--codec",
        str(codec),
        "--qp",
        "0",
    ]
    assert main([*arguments, "-o", str(stream)]) == 0
    base = runs("hyperprior") / "codec.idsec"
    status, said = elsewhere("decode", stream, "--codec", base, "-o", tmp_path / "out.yuv")
    assert status == 2
    assert said.startswith(f"idse: error: {stream}: not made by codec ")
    assert said.count("\n") == 1
    assert not (tmp_path / "out.yuv").exists()


@pytest.mark.parametrize("name", SYSTEMS)
def test_trained_detectors(bench: Path, runs: Runs, name: str) -> None:
    """A file for each point where the detector was trained, and only there; it is a detector, and another one."""
    run = runs(name)
    points = TrainedCodec.load(run / "codec.idsec").points
    trained = {f"task-{i}.onnx" for i in range(len(points))} if name in ("j-ft", "t-ft") else set()
    assert set(task_files(run)) == trained
    seen = [np.asarray(Image.open(bench / "small.png"), np.float32) / 255]
    tensor = np.random.default_rng(0).random((1, 3, *toys.SIZE), dtype=np.float32)
    outputs, found = [], []
    for file in (bench / "detector.onnx", *(run / file for file in sorted(trained))):
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        outputs.append(session.run(None, {"picture": tensor})[0])
        found.append(load_detector(DetectorSettings(str(file), device="cpu")).detect(seen)[0])
    for output, detections in zip(outputs[1:], found[1:], strict=True):
        assert output.shape == outputs[0].shape
        assert np.isfinite(output).all()
        assert not np.allclose(output, outputs[0], atol=1e-4)
        assert len(detections) > 0
        assert (
            detections.scores.shape != found[0].scores.shape or (detections.scores != found[0].scores).any()
        )
