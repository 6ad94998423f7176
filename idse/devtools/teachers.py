"""Teacher maps of the embedded extractor: detectors' maps of views of a picture, cached in a folder."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image, UnidentifiedImageError

from idse.errors import IdseError
from idse.features import embedded
from idse.features.base import FeatureExtractor
from idse.importance.detection_metric import METRICS
from idse.importance.planes import planes_to_rgb, planes_to_tensors
from idse.importance.targets import TargetFunction, target_function
from idse.media.frame import Frame

BLOCK = embedded.BLOCK
TARGETS = ("features", "detections")
PARTS = ("clean", "coded", "share")


@dataclass(frozen=True)
class TeacherSettings:
    """How the teacher maps are made.

    Attributes:
        rows: Rows of each sketch.
        qualities: JPEG qualities of the degraded pictures for which the detectors' maps are computed too.
        parts: Weights of the three parts of the map: Jacobian at the picture, Jacobian at the degraded pictures,
            and measured share of the target's error (gradient of its distance times error, over error squared).
    """

    rows: int = 4
    qualities: tuple[int, ...] = (15, 35, 60)
    parts: tuple[float, float, float] = (1.0, 1.0, 1.0)


def load_rgb(path: Path) -> Image.Image:
    """Read a picture as RGB.

    Raises:
        IdseError: The file cannot be read.
    """
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise IdseError(f"{path}: cannot read the picture ({type(error).__name__})") from None


def make_view(image: Image.Image, view: int, seed: str) -> npt.NDArray[Any]:
    """Return a view of a picture: view 0 is the picture itself, `seed` decides the others. Sides are multiples of 8."""
    if view > 0:
        rng = random.Random(f"{seed}/{view}")
        share, aspect = math.sqrt(rng.uniform(0.35, 1.0)), math.sqrt(rng.uniform(0.8, 1.25))
        width = max(BLOCK, min(image.width, int(image.width * share * aspect)))
        height = max(BLOCK, min(image.height, int(image.height * share / aspect)))
        left, top = rng.randint(0, max(0, image.width - width)), rng.randint(0, max(0, image.height - height))
        scale = rng.uniform(440, 660) / max(width, height)
        size = max(BLOCK, round(width * scale)), max(BLOCK, round(height * scale))
        image = image.crop((left, top, left + width, top + height)).resize(size, Image.Resampling.LANCZOS)
        if rng.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if rng.random() < 0.5:
            gamma, gain = rng.uniform(0.7, 1.4), rng.uniform(0.85, 1.1)
            image = image.point([min(255, round(255 * gain * (v / 255) ** gamma)) for v in range(256)] * 3)
    if image.width < BLOCK or image.height < BLOCK:
        image = image.resize((max(BLOCK, image.width), max(BLOCK, image.height)))
    pixels = np.asarray(image)
    return pixels[: pixels.shape[0] // BLOCK * BLOCK, : pixels.shape[1] // BLOCK * BLOCK].copy()


def degrade(pixels: npt.NDArray[Any], quality: int) -> npt.NDArray[Any]:
    """Return the picture after JPEG coding at this quality."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def _blocks(planes: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the means over 8x8 luma blocks of planes `[1, 1, h, w]`, as `[3, rows, cols]`."""
    sizes = (BLOCK, BLOCK // 2, BLOCK // 2)
    return torch.cat([F.avg_pool2d(p, s)[0] for p, s in zip(planes, sizes, strict=True)])


def _normalised(blocks: torch.Tensor) -> torch.Tensor:
    return blocks / blocks[0].mean().clamp(min=1e-30)


def _soften(blocks: torch.Tensor) -> torch.Tensor:
    kernel = torch.tensor([1.0, 2.0, 1.0])
    kernel = (kernel[:, None] * kernel / 16).expand(3, 1, 3, 3)
    return F.conv2d(F.pad(blocks[None], (1, 1, 1, 1), mode="replicate"), kernel, groups=3)[0]


def teacher_map(
    pixels: npt.NDArray[Any],
    detectors: Sequence[FeatureExtractor],
    settings: TeacherSettings,
    generator: torch.Generator,
) -> dict[str, torch.Tensor]:
    """Return a picture's teacher parts, each `[detectors, 3, rows, cols]` with luma mean 1.

    Their names are "features_clean", "features_coded" and "features_share", and the same for detections.
    """
    clean = Frame.from_rgb(pixels)
    coded = [Frame.from_rgb(degrade(pixels, q)) for q in settings.qualities]
    out: dict[str, list[torch.Tensor]] = {f"{target}_{part}": [] for target in TARGETS for part in PARTS}
    original = planes_to_tensors(clean)
    reference = planes_to_rgb(original, clean)
    for detector, target in itertools.product(detectors, TARGETS):
        function = target_function(detector, target, reference)

        def features(
            planes: Sequence[torch.Tensor], function: TargetFunction = function
        ) -> torch.Tensor:
            return torch.cat([level.flatten() for level in function(planes_to_rgb(planes, clean))])

        def diagonal(f: torch.Tensor, planes: list[torch.Tensor], rows: int) -> torch.Tensor:
            total = [torch.zeros_like(p) for p in planes]
            for _ in range(rows):
                signs = torch.randint(0, 2, f.shape, generator=generator).to(f.dtype).mul_(2).sub_(1)
                for t, g in zip(total, torch.autograd.grad(f, planes, signs, retain_graph=True), strict=True):
                    t.addcmul_(g, g)
            return _blocks(total)

        leaves = [p.clone().requires_grad_() for p in original]
        f0 = features(leaves)
        out[f"{target}_clean"].append(_normalised(diagonal(f0, leaves, settings.rows)))
        f0 = f0.detach()
        jacobian, gain, energy = torch.zeros(()), torch.zeros(()), torch.zeros(())
        for frame in coded:
            leaves = [p.clone().requires_grad_() for p in planes_to_tensors(frame)]
            errors = [leaf.detach() - p for leaf, p in zip(leaves, original, strict=True)]
            f1 = features(leaves)
            slopes = torch.autograd.grad(f1, leaves, (f1 - f0).detach(), retain_graph=True)
            square = _blocks([e * e for e in errors])
            scale = 1 / square.mean().clamp(min=1e-12)
            gain = gain + scale * _blocks([s * e for s, e in zip(slopes, errors, strict=True)])
            energy = energy + scale * square
            jacobian = jacobian + diagonal(f1, leaves, max(1, settings.rows // 2))
        out[f"{target}_coded"].append(_normalised(jacobian) if coded else torch.zeros_like(out[f"{target}_clean"][-1]))
        if coded:
            share = (_soften(gain) / (_soften(energy) + 1e-3 * energy.mean())).clamp(min=0)
            share = share + 0.05 * share.mean((1, 2), keepdim=True)
            out[f"{target}_share"].append(_normalised(share))
        else:
            out[f"{target}_share"].append(torch.zeros_like(out[f"{target}_clean"][-1]))
    return {name: torch.stack(maps) for name, maps in out.items()}


def combined_target(parts: dict[str, torch.Tensor], settings: TeacherSettings, target: str) -> torch.Tensor:
    """Return the weighted sum of the parts, averaged over the detectors: `[3, rows, cols]`, all above 0.

    Args:
        parts: As `teacher_map` gives them.
        settings: The weights of the parts.
        target: "features", "detections", or "both": the sum of both, each with a luma mean of 1.
    """
    if target == "both":
        alone = [combined_target(parts, settings, single) for single in TARGETS]
        return torch.stack([_normalised(single) for single in alone]).sum(0)
    total = torch.zeros(())
    for weight, name in zip(settings.parts, PARTS, strict=True):
        total = total + weight * parts[f"{target}_{name}"].mean(0)
    return total.clamp(min=1e-6 * float(total.mean()) + 1e-12)


class TeacherCache:
    """Teacher maps in a folder, with one file for each view; missing ones are made.

    A file's name has a hash of everything that decides its contents.
    """

    def __init__(self, folder: Path, detectors: Sequence[Path], settings: TeacherSettings, seed: int) -> None:
        """Prepare the folder; the detectors are loaded only if a map is missing.

        Raises:
            IdseError: The folder cannot be made, or a detector's file cannot be read.
        """
        self.folder, self._paths, self.settings, self.seed = folder, list(detectors), settings, seed
        self.hashes = {p.name: file_hash(p) for p in detectors}
        metric = repr(METRICS["default"])
        what = [sorted(self.hashes.items()), settings.rows, settings.qualities, seed, TARGETS, metric]
        self._key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:10]
        self._loaded: list[FeatureExtractor] | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise IdseError(f"{folder}: cannot make the cache folder ({error.strerror})") from None

    def get(self, path: Path, view: int) -> tuple[npt.NDArray[Any], dict[str, torch.Tensor]]:
        """Return the pixels and the teacher's parts of one view of one picture."""
        pixels = make_view(load_rgb(path), view, f"{self.seed}/{path.name}")
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()[:10]
        file = self.folder / f"{path.stem}-{view}-{self._key}-{digest}.npz"
        try:
            with np.load(file) as archive:
                return pixels, {name: torch.from_numpy(archive[name]).float() for name in archive.files}
        except (OSError, ValueError, EOFError, KeyError):
            pass
        if self._loaded is None:
            from idse.features.loading import load_extractor

            self._loaded = [load_extractor(str(p), device="cpu") for p in self._paths]
        generator = torch.Generator().manual_seed(int(digest, 16) ^ self.seed)
        parts = teacher_map(pixels, self._loaded, self.settings, generator)
        partial = file.with_suffix(".part")
        with partial.open("wb") as stream:
            np.savez(stream, **{name: part.numpy() for name, part in parts.items()})
        partial.replace(file)
        return pixels, parts


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        IdseError: The file cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise IdseError(f"{path}: cannot read it ({error.strerror})") from None
