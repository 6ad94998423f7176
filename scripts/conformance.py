#!/usr/bin/env python3
"""Checks that decoders give the encoder's reconstruction, sample by sample.

Codes --count streams of random pictures, weights and settings (all from --seed), every photograph of the
folders after --pictures at QP 22..42, pictures of --sizes, and --narrow random pictures one CTU wide, and
decodes each with FFmpeg's VVC decoder (PyAV). With --vtm-decoder and --vvdec, --sample of the random streams
are also decoded by these programs (VTM checks the MD5 SEI of each picture too). A quarter of the random streams are
coded again with another number of threads: the bytes must be the same.

For a failure it prints the case and the command that repeats it, and leaves the stream in --keep. A crash or a hang
of the encoder counts as a failure of its case. The exit status is 1 if there is any failure.
"""

from __future__ import annotations

import argparse
import dataclasses
import faulthandler
import functools
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from idse.devtools.conformance.decoders import check_ffmpeg, check_program
from idse.devtools.conformance.random_streams import Case, make_case, make_narrow_case
from idse.devtools.pictures import load_photograph, photographs
from idse.engines import EncodedStream, EncodeSettings, get_engine
from idse.errors import IdseError
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame
from idse.progress import Progress

REPOSITORY = Path(__file__).resolve().parent.parent
HANG_SECONDS = 300


@dataclass(frozen=True)
class Job:
    """A random case by its index (with a fixed size, or one CTU wide, if given), or a photograph at a QP."""

    index: int = -1
    narrow: bool = False
    size: tuple[int, int] | None = None
    picture: Path | None = None
    qp: int = 0
    weighted: bool = False
    decoders: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """Return a short name that can be used for a file."""
        if self.picture is not None:
            return f"{self.picture.stem}-qp{self.qp}"
        kind = "narrow" if self.narrow else "random"
        return f"{kind}-{self.index}" + ("-{}x{}".format(*self.size) if self.size else "")


@dataclass(frozen=True)
class Outcome:
    """The result of a job."""

    problem: str
    words: str
    size: int = 0
    seconds: float = 0.0


@functools.cache
def crops(folder: Path) -> list[Frame]:
    """Return the photographs that random cases take crops from."""
    found = photographs(folder) if folder.is_dir() else []
    return [load_photograph(path) for path in found[:6]]


def random_case(options: argparse.Namespace, job: Job) -> Case:
    """Return a random case with the settings that the options fix."""
    if job.narrow:
        case = make_narrow_case(options.seed, job.index, crops(options.crops))
    else:
        case = make_case(options.seed, job.index, crops(options.crops), options.largest, job.size)
    return dataclasses.replace(case, settings=case.settings.changed(**options.fixed))


def photograph_case(options: argparse.Namespace, job: Job) -> Case:
    """Return a photograph with the default settings, with or without the activity map."""
    assert job.picture is not None
    frame = load_photograph(job.picture, multiple=2)
    weights: WeightMap | None = None
    if job.weighted:
        from idse.importance.estimate import activity_map

        weights = activity_map([frame])
    words = f"{job.picture} QP {job.qp}{' activity map' if job.weighted else ''}"
    return Case([frame], weights, EncodeSettings(qp=job.qp, **options.fixed), words)


def run(options: argparse.Namespace, job: Job) -> Outcome:
    """Encode, decode, compare."""
    faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
    began = time.perf_counter()
    try:
        case = random_case(options, job) if job.picture is None else photograph_case(options, job)
        engine = get_engine("native")
        try:
            stream = engine.encode(case.frames, case.weights, case.settings)
        except Exception as error:  # a defect or a refusal: every case is valid
            return Outcome(f"encode: {type(error).__name__}: {error}", case.words)
        problem = check(stream, case, job, options)
        return Outcome(problem, case.words, len(stream.data), time.perf_counter() - began)
    finally:
        faulthandler.cancel_dump_traceback_later()


def check(stream: EncodedStream, case: Case, job: Job, options: argparse.Namespace) -> str:
    """Run all checks of a stream and return the first problem; the stream is then kept."""
    problem = check_ffmpeg(stream.data, stream.recon)
    if not problem and job.picture is None and job.index % 4 == 0:
        threads = case.settings.threads % 4 + 1
        again = get_engine("native").encode(
            case.frames, case.weights, case.settings.changed(threads=threads)
        )
        if again.data != stream.data:
            problem = f"{len(stream.data)} bytes, {len(again.data)} others with {threads} threads"
    if not problem and job.decoders:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{job.name}.266"
            path.write_bytes(stream.data)
            for program in job.decoders:
                problem = problem or check_program(program, path, stream.recon, case.settings.md5_sei)
    if problem:
        options.keep.mkdir(parents=True, exist_ok=True)
        (options.keep / f"{job.name}.266").write_bytes(stream.data)
        with (options.keep / f"{job.name}.recon.yuv").open("wb") as file:
            for frame in stream.recon:
                for plane in frame.planes:
                    file.write(plane.astype("<u2").tobytes())
    return problem


def outcomes(options: argparse.Namespace, jobs: list[Job]) -> Iterator[tuple[Job, Outcome]]:
    """Yield results when they are ready. If a worker dies, each running job runs again alone, to find the cause."""
    call: Callable[[Job], Outcome] = functools.partial(run, options)
    todo = list(reversed(jobs))
    while todo:
        running: dict[Future[Outcome], Job] = {}
        with ProcessPoolExecutor(options.jobs) as pool:
            try:
                while todo or running:
                    while todo and len(running) < 2 * options.jobs:
                        job = todo.pop()
                        running[pool.submit(call, job)] = job
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        outcome = future.result()
                        yield running.pop(future), outcome
            except BrokenProcessPool:
                pass
        for job in running.values():
            with ProcessPoolExecutor(1) as alone:
                try:
                    yield job, alone.submit(call, job).result()
                except BrokenProcessPool:
                    words = job.name if job.picture else random_case(options, job).words
                    yield job, Outcome("the encoder crashed or hung", words)


def plan(options: argparse.Namespace) -> list[Job]:
    """Return the random cases, some of them for the other decoders too, then the photographs."""
    decoders = tuple(p.resolve() for p in (options.vtm_decoder, options.vvdec) if p is not None)
    for program in decoders:
        if shutil.which(str(program)) is None:
            raise IdseError(f"{program} is not a program")
    indices = options.only or range(options.first, options.first + options.count)
    step = max(1, len(indices) // max(1, options.sample))
    jobs = [
        Job(
            index, decoders=decoders if options.only or (n % step == 0 and n // step < options.sample) else ()
        )
        for n, index in enumerate(indices)
    ]
    jobs += [Job(1000 + n, size, decoders=decoders) for n, size in enumerate(options.sizes)]
    narrow = 0 if options.only else options.count // 10 if options.narrow is None else options.narrow
    jobs += [Job(n, narrow=True, decoders=decoders if n < options.sample else ()) for n in range(narrow)]
    for folder in options.pictures:
        for n, path in enumerate(photographs(folder)):
            for m, qp in enumerate(options.qps):
                weighted = {"none": False, "activity": True, "alternate": (n + m) % 2 == 1}[options.weights]
                jobs.append(Job(picture=path, qp=qp, weighted=weighted))
    return jobs


def size(text: str) -> tuple[int, int]:
    """Read WxH as two numbers."""
    width, height = text.split("x")
    return int(width), int(height)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--count", type=int, default=500, help="random streams (500)")
    add("--seed", type=int, default=1, help="of the random streams (1)")
    add("--first", type=int, default=0, help="index of the first random stream (0)")
    add("--only", type=int, nargs="+", help="these indices of the seed alone, through all decoders given")
    add("--largest", type=int, default=256, help="greatest side of random pictures (256)")
    add(
        "--sizes",
        type=size,
        nargs="*",
        default=[],
        metavar="WxH",
        help="one random picture of each size more",
    )
    add("--narrow", type=int, help="random pictures one CTU wide more (a tenth of --count)")
    add("--pictures", type=Path, nargs="*", default=[], help="folders of photographs")
    add(
        "--qps", type=int, nargs="+", default=[22, 27, 32, 37, 42], help="QPs of photographs (22 27 32 37 42)"
    )
    add("--weights", choices=["none", "activity", "alternate"], default="alternate", help="for photographs")
    add(
        "--crops",
        type=Path,
        default=REPOSITORY.parent / "shared/data/kodak",
        help="photographs for random crops",
    )
    add("--vtm-decoder", type=Path, help="VTM's DecoderApp")
    add("--vvdec", type=Path, help="vvdecapp")
    add("--sample", type=int, default=50, help="random streams that also go through those two (50)")
    add("--jobs", type=int, default=2, help="processes (2)")
    add("--keep", type=Path, default=REPOSITORY / "out/conformance", help="folder for streams of failures")
    add(
        "--set",
        nargs="*",
        default=[],
        metavar="NAME=VALUE",
        help="fix settings of all streams: wpp=False preset=0",
    )
    options = parser.parse_args()
    values = {"true": True, "false": False}
    pairs = [item.split("=", 1) for item in options.set]
    options.fixed = {
        name: values.get(v.lower(), int(v) if v.lstrip("-").isdigit() else v) for name, v in pairs
    }
    return options


def main() -> int:
    """Run the command."""
    options = parse()
    try:
        version = get_engine("native").version
        jobs = plan(options)
    except IdseError as error:
        print(f"conformance.py: {error}", file=sys.stderr)
        return 2
    print(
        f"encoder: native {version}; seed {options.seed}; FFmpeg's decoder"
        + "".join(f", {p}" for p in (options.vtm_decoder, options.vvdec) if p)
    )
    failures, done, through, size, began = 0, 0, 0, 0, time.monotonic()
    say = Progress("streams", len(jobs))
    for job, outcome in outcomes(options, jobs):
        done += 1
        size += outcome.size
        through += bool(job.decoders) and not outcome.problem
        if outcome.problem:
            failures += 1
            print(f"\nFAIL {job.name}: {outcome.problem}\n  {outcome.words}")
            if job.picture is None and job.size is None:
                fixed = f" --set {' '.join(options.set)}" if options.set else ""
                which = f"--largest {options.largest} --only {job.index}"
                if job.narrow:
                    which = f"--count 0 --narrow {job.index + 1}"
                again = f"--seed {options.seed} {which}{fixed}"
                print(f"  repeat: {sys.argv[0]} {again}")
        if options.only:
            print(f"{job.name}: {outcome.problem or 'ok'}; {outcome.size} bytes, {outcome.seconds:.2f} s")
            print(f"  {outcome.words}")
        say(done, f", {failures} failed")
    real = sum(job.picture is not None for job in jobs)
    print(
        f"{done - failures} of {done} streams exact ({done - real} random, {real} of photographs, {size} bytes); "
        f"{through} also exact in the other decoders; {failures} failed; {time.monotonic() - began:.0f} s"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
