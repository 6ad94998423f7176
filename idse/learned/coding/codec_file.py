"""The file of a trained codec (`*.idsec`): all that is needed to encode and to decode, in one file.

It is written by `torch.save` and contains plain tensors and one JSON text. It is read with `weights_only`, so that no
code in it is run. It contains the settings of the network, the weights and the fixed entropy tables of every point of
the codec's curve, the origin of the weights, and for LSMnet the detector whose backbone gives the mask network's input.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import tempfile
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from idse.errors import IdseError
from idse.json_text import parse_json
from idse.learned.models import LatentCodec, ModelSettings, Salience, build_codec, load_salience
from idse.media.files import replacing

SUFFIX = ".idsec"
_FORMAT = "idse learned codec 1"
_TABLES = ("_offset", "_quantized_cdf", "_cdf_length", "scale_table")
_MOST_MODELS = 8
"""Number of cached networks: a sweep codes each picture at all points before it goes to the next picture."""


@dataclass(frozen=True, eq=False)
class CodecPoint:
    """A point of a codec's curve; `make_point` makes one.

    Attributes:
        label: A readable name, like "epoch 120".
        epoch: Epoch of the training.
        figures: Metrics of the validation: "bpp" and others.
        state: Weights and fixed entropy tables of the network, on the CPU.
        decoder_id: `decoder_id` of the network.
    """

    label: str
    epoch: int
    figures: Mapping[str, float]
    state: Mapping[str, Tensor]
    decoder_id: int


@dataclass(frozen=True, eq=False)
class TrainedCodec:
    """A codec with its points. Point 0 has the highest rate, like the lowest QP.

    Attributes:
        name: A readable name.
        settings: Settings of the network, the same for all points.
        points: At least one; they are sorted by rate if all of them have a metric "bpp".
        provenance: Values for JSON: all that is needed to repeat the training.
        detector: For a codec with a mask: the bytes of the detector's ONNX file or of the torchvision weights (empty:
            torchvision's default weights).
    """

    name: str
    settings: ModelSettings
    points: Sequence[CodecPoint]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    detector: bytes = field(default=b"", repr=False)
    _models: OrderedDict[tuple[int, str], LatentCodec] = field(
        default_factory=OrderedDict, init=False, repr=False
    )
    _salience: dict[str, Salience] = field(default_factory=dict, init=False, repr=False)
    _lock: Any = field(default_factory=threading.RLock, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError("a codec has at least one point")
        points = list(self.points)
        if all("bpp" in p.figures for p in points):
            points.sort(key=lambda p: -p.figures["bpp"])
        object.__setattr__(self, "points", tuple(points))

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256, hexadecimal, of all that determines the streams: settings, weights, their order, detector."""
        whole = hashlib.sha256(json.dumps(_deciding(self.settings), sort_keys=True).encode())
        for point in self.points:
            whole.update(b"point")
            _feed(whole, point.state)
        whole.update(b"detector" + self.detector)
        return whole.hexdigest()

    @classmethod
    def load(cls, path: Path | str) -> TrainedCodec:
        """Read a codec file.

        Raises:
            IdseError: It is missing, damaged, or not a codec file.
        """
        path = Path(path)
        try:
            with path.open("rb") as file:
                begins = file.read(4)
        except FileNotFoundError:
            raise IdseError(f"{path}: no such codec file: make one with 'idse train'") from None
        except OSError as error:
            raise IdseError(f"{path}: cannot be read ({error.strerror})") from None
        if begins != b"PK\3\4":  # torch's files are ZIP archives
            raise IdseError(f"{path}: not a trained codec file (*{SUFFIX}, made by 'idse train')")
        try:
            _check_archive(path)
            held = torch.load(path, map_location="cpu", weights_only=True)
        except Exception:  # pickles and archives fail in many ways
            raise _damaged(path) from None
        if not isinstance(held, dict) or not str(held.get("format", "")).startswith("idse learned codec "):
            raise IdseError(f"{path}: not a trained codec file (*{SUFFIX}, made by 'idse train')")
        if held["format"] != _FORMAT:
            raise IdseError(
                f"{path}: {held['format']}: this idse reads '{_FORMAT}'; use the idse version that wrote it"
            )
        try:
            about = parse_json(held["about"])
            _check_tensors([*held["states"], {"detector": held["detector"]}], path.stat().st_size)
            codec = cls(
                name=about["name"],
                settings=ModelSettings.from_dict(about["settings"]),
                points=[
                    CodecPoint(p["label"], p["epoch"], p["figures"], state, p["decoder_id"])
                    for p, state in zip(about["points"], held["states"], strict=True)
                ],
                provenance=about["provenance"],
                detector=held["detector"].numpy().tobytes(),
            )
            whole = codec.digest == about["digest"]
            shapes = _shapes(codec.settings, codec.points[0].state)
            for point in codec.points:
                _check_state(codec.settings, point, shapes)
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, OSError):
            raise _damaged(path) from None
        if not whole:
            raise _damaged(path)
        return codec

    def save(self, path: Path | str) -> None:
        """Write the file, completely or not at all.

        Raises:
            IdseError: It cannot be written.
        """
        about = {
            "name": self.name,
            "settings": self.settings.to_dict(),
            "provenance": dict(self.provenance),
            "digest": self.digest,
            "points": [
                {"label": p.label, "epoch": p.epoch, "figures": dict(p.figures), "decoder_id": p.decoder_id}
                for p in self.points
            ],
        }
        with replacing(Path(path)) as temporary:
            torch.save(
                {
                    "format": _FORMAT,
                    "about": json.dumps(about),
                    "states": [dict(p.state) for p in self.points],
                    "detector": torch.frombuffer(bytearray(self.detector), dtype=torch.uint8).clone()
                    if self.detector
                    else torch.empty(0, dtype=torch.uint8),
                },
                temporary,
            )

    def model(self, point: int, device: str | torch.device = "cpu") -> LatentCodec:
        """The network of a point in evaluation mode; the last few are cached.

        Raises:
            IdseError: No such point.
        """
        self.check_point(point)
        key = point, str(device)
        with self._lock:
            if key not in self._models:
                state = self.points[point].state
                seen = state.get("mask.layer.weight")
                model = build_codec(self.settings, None if seen is None else seen.shape[1])
                model.load_state_dict(dict(state))
                self._models[key] = model.to(device).eval().requires_grad_(False)
                while len(self._models) > _MOST_MODELS:
                    self._models.popitem(last=False)
            self._models.move_to_end(key)
            return self._models[key]

    def check_point(self, point: int) -> None:
        """Raise an `IdseError` unless the codec has that point."""
        if not 0 <= point < len(self.points):
            last = len(self.points) - 1
            raise IdseError(f"point {point}: must be 0..{last} (0 has the most bits); choose one with --qp")

    def salience(self, device: str | torch.device = "cpu") -> Salience | None:
        """The backbone that gives the mask network's input; None for a codec without a mask.

        Raises:
            IdseError: Torchvision's default weights are needed, but cannot be loaded or differ from those in training.
        """
        mask = self.settings.mask
        if mask is None:
            return None
        with self._lock, tempfile.TemporaryDirectory(prefix="idse-codec-") as folder:
            if str(device) not in self._salience:
                weights = None
                if self.detector:
                    file = Path(folder) / Path(mask.detector).name
                    if _is_onnx(mask.detector):
                        mask = dataclasses.replace(mask, detector=str(file))
                    else:
                        weights = file
                    file.write_bytes(self.detector)
                found = load_salience(mask, device, weights)
                found.channels()  # chooses the level, if the settings do not, before it depends on a picture
                self._salience[str(device)] = found
            return self._salience[str(device)]

    def find(self, decoder: int, name: str = "stream") -> int:
        """The first point whose decoder has this id.

        Raises:
            IdseError: There is none: the stream was made by another codec.
        """
        for i, point in enumerate(self.points):
            if point.decoder_id == decoder:
                return i
        raise IdseError(f"{name}: not made by codec '{self.name}': give the codec file that encoded it")


def make_point(model: LatentCodec, label: str, epoch: int, figures: Mapping[str, float]) -> CodecPoint:
    """A point with the current state of a network; this also makes the tables of the entropy coder."""
    training = model.training
    model.eval().tables()
    state = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
    found = decoder_id(model)
    model.train(training)
    return CodecPoint(label, epoch, dict(figures), state, found)


def decoder_id(model: LatentCodec) -> int:
    """32 bits that identify a decoder: the first four bytes of SHA-256 over `decoder_state`, little-endian."""
    digest = hashlib.sha256(model.settings.system.encode())
    _feed(digest, model.decoder_state())
    return int.from_bytes(digest.digest()[:4], "little")


def _deciding(settings: ModelSettings) -> dict[str, Any]:
    """The settings that determine the streams; the folder of the mask's detector does not."""
    values = settings.to_dict()
    if settings.mask is not None:
        values["mask"]["detector"] = Path(settings.mask.detector).name
    return values


def _is_onnx(detector: str) -> bool:
    return detector.lower().endswith(".onnx")


def _feed(digest: Any, state: Mapping[str, Tensor]) -> None:
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        digest.update(value.numpy().tobytes())


def _check_archive(path: Path) -> None:
    """Raise a ValueError for an archive that is larger when unpacked; torch does not write compressed ones."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if any(e.compress_type != zipfile.ZIP_STORED for e in entries):
        raise ValueError("compressed")
    if sum(e.file_size for e in entries) > path.stat().st_size:
        raise ValueError("entries that overlap")


def _check_tensors(states: Sequence[Mapping[str, Tensor]], most: int) -> None:
    """Raise a ValueError for tensors larger than the file: with a stride of 0, a few bytes can claim any size."""
    size = 0
    for state in states:
        for name, value in state.items():
            if not isinstance(name, str) or not isinstance(value, Tensor) or value.layout != torch.strided:
                raise ValueError("no plain tensors")
            size += value.numel() * value.element_size()
    if size > most:
        raise ValueError("tensors larger than the file")


def _check_state(settings: ModelSettings, point: CodecPoint, shapes: Mapping[str, torch.Size]) -> None:
    """Raise a ValueError unless the point has the network's tensors, and tables that are safe for an entropy coder.

    Args:
        settings: Settings of the network.
        point: The point that was read.
        shapes: Shapes of the network's tensors, by name; those of the tables are ignored.
    """
    if not isinstance(point.decoder_id, int) or not all(
        isinstance(v, (int, float)) for v in point.figures.values()
    ):
        raise ValueError("no point")
    state = point.state
    if state.keys() | {"latent_gain.log"} != shapes.keys() | {"latent_gain.log"} or any(
        name in state and shape != state[name].shape
        for name, shape in shapes.items()
        if name.rpartition(".")[2] not in _TABLES
    ):
        raise ValueError("other tensors than the network's")
    for prefix in (name.rpartition(".")[0] for name in state if name.endswith("._quantized_cdf")):
        cdf, length, offset = (state[f"{prefix}.{n}"] for n in ("_quantized_cdf", "_cdf_length", "_offset"))
        scales = state.get(f"{prefix}.scale_table")
        rows = settings.channels if scales is None else scales.numel()
        if any(t.dtype != torch.int32 for t in (cdf, length, offset)):
            raise ValueError("tables of another type")
        if cdf.ndim != 2 or not len(cdf) == rows == length.numel() == offset.numel() > 0:
            raise ValueError("tables of another size")
        if not bool(((length >= 3) & (length <= cdf.shape[1])).all()):
            raise ValueError("lengths of tables")
        inside = torch.arange(cdf.shape[1])[None] < length[:, None]
        rising = (cdf[:, 1:] > cdf[:, :-1]) | ~inside[:, 1:]
        last = cdf.gather(1, length.long()[:, None] - 1)
        if not bool(rising.all()) or bool((cdf[:, 0] != 0).any()) or bool((last != 1 << 16).any()):
            raise ValueError("no distribution")


def _shapes(settings: ModelSettings, state: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    """Shapes of a network's tensors, by name, without allocating memory for the tensors."""
    seen = state.get("mask.layer.weight")
    with FakeTensorMode():
        model = build_codec(settings, None if seen is None else seen.shape[1])
        return {name: value.shape for name, value in model.state_dict().items()}


def _damaged(path: Path) -> IdseError:
    return IdseError(f"{path}: the codec file is damaged: copy it again, or make it again with 'idse train'")
