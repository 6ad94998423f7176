#!/usr/bin/env python3
"""Checks that a patched VTM codes as before without weights, and that decoders give its reconstruction with them.

Codes every picture at every QP in every mode with the patched encoder and with an untouched one of the same version:

- no map, a uniform map (luma alone, and three equal planes), and a map with no tools: the untouched encoder's bytes;
- the activity map with all tools, and a random map of three planes on cells of 1..64 samples with random tools and
  settings: the stream decodes to the encoder's reconstruction, sample by sample. FFmpeg (PyAV) decodes, and VTM's
  DecoderApp where --decoder names it; 8.2's streams need that;
- in the inter modes, which code a sequence of --frames crops of the picture: weights only in the frame that is coded
  last change that picture and no other.

With --pristine, patch and unpatch are tried on copies of that checkout: every file must be restored byte for byte.

It prints one line for each check, then how many checks of each kind passed and the share of the distortion calls that
were weighted. The exit status is 1 if any check failed; the streams of failures are left in --work.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from idse.devtools.conformance.vtm import Bench, Outcome, Subject, check_version, subjects
from idse.devtools.conformance.vtm_unpatching import check_unpatching
from idse.devtools.script import run_script
from idse.media.raw import parse_size
from idse.progress import Progress
from idse.vtm.patcher import status

REPOSITORY = Path(__file__).resolve().parent.parent


class Tally:
    """Counts the checks of each kind, and those that passed.

    Args:
        work: Folder for streams of failures.
    """

    def __init__(self, work: Path) -> None:
        self._work = work
        self._held: dict[str, list[bool]] = defaultdict(list)
        self._shares: dict[str, list[float]] = defaultdict(list)

    @property
    def failures(self) -> int:
        """Number of failed checks."""
        return sum(not held for kind in self._held.values() for held in kind)

    def say(self, kind: str, where: str, problem: str, words: str = "") -> None:
        """Print the line of a check, and count it."""
        self._held[kind].append(not problem)
        told = f"{where}: {kind}" + (f" ({words})" if words else "")
        print(f"FAIL {told}: {problem}" if problem else f"ok   {told}", flush=True)

    def take(self, outcome: Outcome) -> None:
        """Print and count the check of a coded stream; the stream of a failure is kept."""
        words = outcome.words
        if outcome.share is not None:
            words += f", {100 * outcome.share:.1f} % weighted"
            self._shares[outcome.subject.mode].append(outcome.share)
        self.say(outcome.check, outcome.subject.words, outcome.problem, words)
        if outcome.problem and outcome.stream is not None:
            name = "-".join((outcome.subject.words + " " + outcome.check).replace("'", "").split())
            self._work.mkdir(parents=True, exist_ok=True)
            (self._work / f"{name}.266").write_bytes(outcome.stream.data)

    def summary(self) -> None:
        """Print a line for each kind of check, and one for all."""
        print()
        for kind, held in self._held.items():
            print(f"{sum(held)} of {len(held)}  {kind}")
        for mode, shares in self._shares.items():
            mean = sum(shares) / len(shares)
            print(
                f"{mode}: {100 * mean:.1f} % of the distortion calls weighted "
                f"({100 * min(shares):.1f}..{100 * max(shares):.1f} over {len(shares)} streams)"
            )
        done = sum(map(len, self._held.values()))
        print(f"{done - self.failures} of {done} checks held")


def code(bench: Bench, todo: list[Subject], tally: Tally) -> None:
    """Run every check of every subject."""
    total = sum(len(subject.checks) for subject in todo)
    say, done = Progress("checks", total), 0
    for subject in todo:
        for outcome in bench.run(subject):
            tally.take(outcome)
            done += 1
            say(done, f", {tally.failures} failed")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--patched", type=Path, required=True, metavar="DIR", help="the patched and built checkout of VTM")
    add(
        "--reference",
        type=Path,
        metavar="DIR|FILE",
        help="an untouched and built one of the same version, or its encoder (what --pristine names)",
    )
    add("--decoder", type=Path, metavar="FILE", help="VTM's DecoderApp of that version")
    add("--pristine", type=Path, metavar="DIR", help="an untouched checkout, to try patch and unpatch with")
    add("--pictures", type=Path, nargs="*", default=[], metavar="FILE", help="PNG or JPEG")
    add("--qps", type=int, nargs="+", default=[22, 27, 32, 37], metavar="QP", help="(22 27 32 37)")
    add("--crop", metavar="WxH", help="code a cut of this size from each picture's middle")
    add("--modes", nargs="+", default=["intra"], metavar="MODE", help="intra, lowdelay, randomaccess (intra)")
    add("--frames", type=int, default=5, metavar="N", help="of a sequence in the other modes (5)")
    add("--seed", type=int, default=0, help="of random maps and settings (0)")
    add(
        "--work",
        type=Path,
        default=REPOSITORY / "out/vtm_conformance",
        metavar="DIR",
        help="folder for streams of failures (out/vtm_conformance)",
    )
    options = parser.parse_args(arguments)
    options.reference = options.reference or options.pristine
    if options.pictures and options.reference is None:
        parser.error("--pictures: --reference must name the encoder to compare with")
    if not options.pictures and options.pristine is None:
        parser.error("nothing to do: give --pictures, --pristine or both")
    for mode in options.modes:
        if mode not in ("intra", "lowdelay", "randomaccess"):
            parser.error(f"--modes: '{mode}' must be intra, lowdelay or randomaccess")
    if options.frames < 2:
        parser.error("--frames: must be at least 2")
    return options


def run(options: argparse.Namespace) -> int:
    """Run all checks and return the exit status."""
    tally = Tally(options.work)
    if options.pictures:
        size = parse_size(options.crop) if options.crop else None
        todo = subjects(options.pictures, options.qps, options.modes, size, options.frames)
        bench = Bench(options.patched, options.reference, options.decoder, options.seed)
        print(
            f"VTM {bench.version}: {options.patched} against {options.reference}; "
            f"decoded by {' and '.join(bench.decoders)}; seed {options.seed}"
        )
        print(f"the patched sources are: {status(options.patched).state.value}")
    if options.pristine is not None:
        check_version(options.patched, options.pristine)
        for kind, problem in check_unpatching(options.pristine, options.patched):
            tally.say(kind, str(options.pristine), problem)
    if options.pictures:
        code(bench, todo, tally)
    tally.summary()
    return 1 if tally.failures else 0


def main() -> int:
    """Run the command."""
    options = parse()
    return run_script("vtm_conformance.py", lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
