"""Conformance of a patched VTM: without weights its bytes are VTM's, with weights decoders give its reconstruction."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from idse.devtools.conformance.decoders import check_program, difference
from idse.engines import EncodedStream, EncodeSettings, FrequencyScope
from idse.errors import IdseError
from idse.importance.estimate import activity_map
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame
from idse.media.video import decode_vvc
from idse.vtm.engine import VtmEngine
from idse.vtm.options import TOOLS, VtmOptions
from idse.vtm.tree import VtmTree

SHIFT = (3, 1)  # samples that a synthetic sequence moves per frame: odd, so that chroma moves by half samples
_UNITS = 7  # random maps have cells of 2^0 .. 2^6
_GRAIN = 3.0  # standard deviation of the noise in 8 bit: without noise all pictures but the first are only predicted
_RICH_QP = 12  # or lower: with this grain every picture has coefficients
_FIRST_TOOLS = (TOOLS, ("sse", "chroma", "satd", "quant", "alf", "sao"), ("qp", "chromaqp"), ("alf", "sao"))
# Decisions that weights of exactly 1 in a frame do not change, to the last bit, and that change no parameter of the
# whole stream.
_LOCAL_TOOLS = ("sse", "chroma", "satd", "quant")


@dataclass(frozen=True)
class Subject:
    """A picture or a short sequence to code, with its mode and QP; `number` chooses its random settings."""

    name: str
    frames: tuple[Frame, ...]
    mode: str
    qp: int
    number: int

    @property
    def words(self) -> str:
        """Return the description for a line of a report."""
        return f"{self.name} {self.mode} QP {self.qp}"

    @property
    def checks(self) -> tuple[str, ...]:
        """Return the names of its checks."""
        return CHECKS if len(self.frames) > 1 else CHECKS[:-1]


@dataclass(frozen=True)
class Outcome:
    """The result of a check.

    Attributes:
        subject: The input of the check.
        check: One of `CHECKS`.
        problem: What is wrong; empty if the check passed.
        words: Further information.
        share: Share of the distortion calls that were weighted; None without weights.
        stream: The coded stream, if there is one.
    """

    subject: Subject
    check: str
    problem: str
    words: str = ""
    share: float | None = None
    stream: EncodedStream | None = None


class Bench:
    """A patched VTM beside an untouched one of the same version.

    Args:
        patched: The patched and built checkout.
        reference: An untouched checkout, or only its encoder (both then use the patched checkout's configuration).
        decoder: VTM's DecoderApp; needed if FFmpeg cannot decode the streams of this version.
        seed: Seed of the random maps and settings.

    Raises:
        IdseError: One of the arguments is not as described.
    """

    def __init__(self, patched: Path, reference: Path, decoder: Path | None = None, seed: int = 0) -> None:
        self._patched, self._seed = patched, seed
        self._decoder = decoder.resolve() if decoder else None
        alone = None if reference.is_dir() else reference
        self._reference = patched if alone else reference, alone
        ours, theirs = self._ours("intra"), self._theirs("intra")
        if not ours.patched:
            raise IdseError(
                f"{patched}: its encoder is not patched: run 'idse vtm patch {patched}', and build it"
            )
        if theirs.patched:
            raise IdseError(f"{reference}: this encoder is patched: name an untouched one to compare with")
        if ours.version != theirs.version:
            raise IdseError(f"{patched} is VTM {ours.version}, {reference} is VTM {theirs.version}")
        if ours.verify_refusal and decoder is None:
            raise IdseError(f"FFmpeg cannot decode VTM {ours.version}'s streams: name VTM's DecoderApp")
        self.version, self._ffmpeg = ours.version, ours.verify_refusal is None
        self.decoders = ["FFmpeg"] * self._ffmpeg + ["VTM's DecoderApp"] * (decoder is not None)

    def run(self, subject: Subject) -> Iterator[Outcome]:
        """Run the checks of a subject one after the other, and yield their results."""
        settings = EncodeSettings(qp=subject.qp)
        try:
            reference = self._theirs(subject.mode).encode(subject.frames, None, settings)
        except IdseError as error:
            for name in subject.checks:
                yield Outcome(subject, name, f"the untouched encoder: {error}")
            return
        calls: dict[str, Callable[[], Outcome]] = {
            "no map": lambda: self._same(subject, "no map", reference, None),
            "uniform map": lambda: self._same(subject, "uniform map", reference, uniform_map(subject, 1)),
            "uniform map, 3 planes": lambda: self._same(
                subject, "uniform map, 3 planes", reference, uniform_map(subject, 3)
            ),
            "tools none": lambda: self._same(subject, "tools none", reference, self._random_map(subject), ()),
            "activity map": lambda: self._exact(
                subject, "activity map", activity_map(subject.frames), settings, TOOLS
            ),
            "random map": lambda: self._random(subject),
            "one frame's map": lambda: self._one_frame(subject),
        }
        for name in subject.checks:
            try:
                yield calls[name]()
            except IdseError as error:
                yield Outcome(subject, name, str(error))

    def _same(
        self,
        subject: Subject,
        check: str,
        reference: EncodedStream,
        weights: WeightMap | None,
        tools: tuple[str, ...] = TOOLS,
    ) -> Outcome:
        """Check that the patched encoder gives the bytes of the untouched one."""
        engine = self._ours(subject.mode, tools=tools)
        stream = engine.encode(subject.frames, weights, EncodeSettings(qp=subject.qp))
        problem = ""
        if stream.data != reference.data:
            problem = f"{len(stream.data)} bytes, {len(reference.data)} others from the untouched encoder"
        else:
            problem = difference(reference.recon, [list(f.planes) for f in stream.recon])
        return Outcome(subject, check, problem, f"{len(stream.data)} bytes", stream=stream)

    def _exact(
        self,
        subject: Subject,
        check: str,
        weights: WeightMap,
        settings: EncodeSettings,
        tools: tuple[str, ...],
        words: str = "",
    ) -> Outcome:
        """Check that decoders give the reconstruction, and that the weights had an effect."""
        stream = self._ours(subject.mode, tools=tools).encode(subject.frames, weights, settings)
        share = stream.provenance["weighted_share"]
        problem = self._decode(stream)
        if not problem and not share:
            problem = "the weights reached no distortion"
        return Outcome(
            subject, check, problem, f"{words}{', ' * bool(words)}{len(stream.data)} bytes", share, stream
        )

    def _random(self, subject: Subject) -> Outcome:
        settings, tools = random_settings(self._seed, subject)
        weights = self._random_map(subject)
        words = [
            f"cells of {1 << weights.log2_unit}",
            "tools " + ("all" if tools == TOOLS else "+".join(tools)),
        ]
        plain = EncodeSettings(qp=subject.qp)
        words += ["profile"] * (weights.profiles is not None)
        words += [f"{k}={v}" for k, v in vars(settings).items() if v != getattr(plain, k)]
        return self._exact(subject, "random map", weights, settings, tools, " ".join(words))

    def _one_frame(self, subject: Subject) -> Outcome:
        """Check that each picture uses its own frame of the map.

        No other picture depends on the one that is coded last. With weights only in its frame, the other pictures must
        be coded as without weights, and this one must not. The QP is low and the weights are strong: otherwise the
        picture may be coded by prediction alone, which weights do not change.
        """
        settings = EncodeSettings(qp=min(subject.qp, _RICH_QP), tau=0.0, exponent=1.0, clip_qp=12.0)
        plain = self._theirs(subject.mode, lmcs=False).encode(subject.frames, None, settings)
        last = plain.provenance["log"]["pictures"][-1]["poc"]
        planes = np.ones_like(self._random_map(subject).planes)
        planes[last] = self._random_map(subject).planes[last]
        weights = replace(self._random_map(subject), planes=planes, profiles=None)
        done = self._exact(
            subject, "one frame's map", weights, settings, _LOCAL_TOOLS, f"POC {last}, coded last"
        )
        assert done.stream is not None
        problem = done.problem
        for poc, (ours, theirs) in enumerate(zip(done.stream.recon, plain.recon, strict=True)):
            changed = bool(difference([theirs], [list(ours.planes)]))
            if not problem and changed != (poc == last):
                problem = f"picture {poc} {'changed' if changed else 'did not change'}, the weights are those of {last}"
        return replace(done, problem=problem)

    def _decode(self, stream: EncodedStream) -> str:
        if self._ffmpeg:
            try:
                decoded = decode_vvc(stream.data)
            except IdseError as error:
                return f"FFmpeg: {error}"
            if problem := difference(stream.recon, [list(f.planes) for f in decoded]):
                return f"FFmpeg: {problem}"
        if self._decoder:
            with tempfile.TemporaryDirectory(prefix="idse-vtm-conformance-") as folder:
                path = Path(folder) / "stream.266"
                path.write_bytes(stream.data)
                md5 = bool(stream.provenance["settings"]["md5_sei"])
                return check_program(self._decoder, path, stream.recon, md5, vtm=True)
        return ""

    def _random_map(self, subject: Subject) -> WeightMap:
        return random_map(self._seed, subject)

    def _ours(self, mode: str, tools: tuple[str, ...] | None = None) -> VtmEngine:
        return _engine(self._patched, VtmOptions(mode=mode, tools=tools))

    def _theirs(self, mode: str, lmcs: bool | None = None) -> VtmEngine:
        root, alone = self._reference
        return _engine(root, VtmOptions(mode=mode, executable=alone, lmcs=lmcs))


@functools.cache
def _engine(root: Path, options: VtmOptions) -> VtmEngine:
    return VtmEngine(root, options=options)


CHECKS = (
    "no map",
    "uniform map",
    "uniform map, 3 planes",
    "tools none",
    "activity map",
    "random map",
    "one frame's map",
)
"""The checks in their order; the last one is for sequences."""


def uniform_map(subject: Subject, planes: int) -> WeightMap:
    """Return a map with the same weight everywhere and at all frequencies, other than 1: the scales are free."""
    first = subject.frames[0]
    shape = (len(subject.frames), planes, -(-first.height // 8), -(-first.width // 8))
    profiles = np.full((len(subject.frames), planes, 8, 8), 3, np.float32)
    return WeightMap(first.width, first.height, 3, np.full(shape, 0.7, np.float32), profiles=profiles)


def random_map(seed: int, subject: Subject) -> WeightMap:
    """Return a map of three planes of noise, different in each frame; the cell size cycles through 1..64.

    Two maps of three have frequency profiles, of one plane or of three, which fall with frequency and are noisy too.
    """
    rng = np.random.default_rng([seed, subject.number, 0])
    first, unit = subject.frames[0], subject.number % _UNITS
    shape = (len(subject.frames), 3, -(-first.height >> unit), -(-first.width >> unit))
    planes = np.exp(rng.normal(0, rng.choice([0.5, 1.5, 3]), shape)) * 2.0 ** rng.uniform(-2, 2, (3, 1, 1))
    profiles = None
    if subject.number % 3 != 2:
        falling = np.add.outer(np.arange(8), np.arange(8)) * -rng.uniform(0, 0.6)
        noise = rng.normal(0, rng.choice([0.0, 0.3, 2.0]), (len(subject.frames), rng.choice([1, 3]), 8, 8))
        profiles = np.exp(falling + noise).astype(np.float32)
    return WeightMap(first.width, first.height, unit, planes.astype(np.float32), profiles=profiles)


def random_settings(seed: int, subject: Subject) -> tuple[EncodeSettings, tuple[str, ...]]:
    """Return settings at the subject's QP, and tools; the first numbers have the tools that every run should test."""
    rng = np.random.default_rng([seed, subject.number, 1])

    def flag(share: float) -> bool:
        return bool(rng.random() < share)

    settings = EncodeSettings(
        qp=subject.qp,
        ctu_size=(128, 64)[subject.number % 2],
        dual_tree=flag(0.7),
        cclm=flag(0.8),
        dependent_quant=flag(0.7),
        transform_skip=flag(0.7),
        deblocking=flag(0.8),
        wpp=flag(0.3),
        cb_qp_offset=int(rng.integers(-6, 7)) if flag(0.3) else 0,
        cr_qp_offset=int(rng.integers(-6, 7)) if flag(0.3) else 0,
        tau=float(rng.choice([0.0, 0.2, 1.0])),
        exponent=float(rng.choice([0.5, 1.0, 2.0])),
        clip_qp=float(rng.choice([3.0, 6.0, 12.0])),
    )
    chosen = tuple(t for t in TOOLS if flag(0.5)) or TOOLS
    settings = settings.changed(
        gamma=float(rng.choice([0.5, 1.0, 2.0])),
        profile_floor=float(rng.choice([1 / 4096, 1 / 256, 0.25])),
        frequency_scope=(FrequencyScope.ALL, FrequencyScope.ALL, FrequencyScope.RDO, FrequencyScope.QUANT)[
            rng.integers(4)
        ],
        scaling_lists="auto" if flag(0.7) else "off",
    )
    return settings, _FIRST_TOOLS[subject.number] if subject.number < len(_FIRST_TOOLS) else chosen


def subjects(
    pictures: Sequence[Path],
    qps: Sequence[int],
    modes: Sequence[str],
    size: tuple[int, int] | None,
    frames: int,
) -> list[Subject]:
    """Return every picture at every QP in every mode; modes other than intra get a sequence of `frames` frames."""
    made: list[Subject] = []
    for mode in modes:
        for path in pictures:
            sequence = tuple(load_shifted(path, size, 1 if mode == "intra" else frames))
            made += [Subject(path.stem, sequence, mode, qp, len(made) + n) for n, qp in enumerate(qps)]
    return made


def load_shifted(path: Path, size: tuple[int, int] | None, count: int) -> list[Frame]:
    """Return `count` crops of a picture's middle, each shifted by `SHIFT` from the last; several crops get noise.

    Args:
        path: A PNG or JPEG file.
        size: Size of the crops; None for the largest possible size with even sides.
        count: Number of crops.

    Raises:
        IdseError: The file cannot be read, or the picture is too small.
    """
    try:
        with Image.open(path) as image:
            rgb = np.asarray(image.convert("RGB"))
    except OSError as error:
        raise IdseError(f"{path}: cannot be read as a picture ({error})") from None
    room = [SHIFT[i] * (count - 1) for i in range(2)]
    width, height = size or tuple((rgb.shape[1 - i] - room[i]) // 2 * 2 for i in range(2))
    x, y = ((rgb.shape[1 - i] - (width, height)[i] - room[i]) // 2 for i in range(2))
    if min(x, y) < 0 or min(width, height) < 8:
        raise IdseError(f"{path}: too small for {count} cuts of {width}x{height}")
    rng = np.random.default_rng(count)
    made = []
    for n in range(count):
        left, top = x + SHIFT[0] * n, y + SHIFT[1] * n
        cut = rgb[top : top + height, left : left + width]
        if count > 1:
            noise = rng.normal(0, _GRAIN, cut.shape)
            cut = np.clip(np.rint(cut + noise), 0, 255).astype(np.uint8)
        made.append(Frame.from_rgb(cut))
    return made


def check_version(patched: Path, pristine: Path) -> None:
    """Raise an `IdseError` if the checkouts have different versions."""
    ours, theirs = VtmTree.open(patched).version, VtmTree.open(pristine).version
    if ours != theirs:
        raise IdseError(f"{patched} is VTM {ours}, {pristine} is VTM {theirs}")
