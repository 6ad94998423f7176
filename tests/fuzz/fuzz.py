#!/usr/bin/env python3
"""Fuzz a parser of idse: `fuzz.py TARGET [--seconds 60]`, `fuzz.py TARGET --index N` for what a test named.

With `--libfuzzer` (and atheris: pip install atheris) libFuzzer makes the inputs, led by the code they reach; what
follows `--` goes to it: `fuzz.py weight_map --libfuzzer --seconds 600 -- -rss_limit_mb=2048`. Inputs that fail are
left in the folder where it runs.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import itertools
import random
import sys
import time
import traceback
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def inputs(name: str, *, seconds: float, most: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Inputs of a target with their index, until the time is over; the same every time."""
    from targets import TARGETS

    seeds = TARGETS[name].seeds()
    end = time.perf_counter() + seconds
    for index in itertools.count():
        if time.perf_counter() > end or index == most:
            return
        yield index, made(name, index, seeds)


def made(name: str, index: int, seeds: list[bytes]) -> bytes:
    """Input `index` of a target."""
    from mutations import mutate

    return mutate(random.Random(f"{name} {index}"), seeds)


def check(name: str, data: bytes) -> str:
    """What is wrong with how a target takes an input; empty: nothing."""
    from targets import TARGETS

    from idse.errors import IdseError

    target = TARGETS[name]
    tracemalloc.start()
    began = time.perf_counter()
    try:
        target.parse(data)
    except IdseError as error:
        if "\n" in str(error):
            return f"an error of two lines: {error}"
    except Exception:
        return traceback.format_exc()
    finally:
        seconds = time.perf_counter() - began
        peak = tracemalloc.get_traced_memory()[1] / (1 << 20)
        tracemalloc.stop()
    if seconds > target.seconds:
        return f"{seconds:.1f} seconds"
    if peak > target.memory:
        return f"{peak:.0f} MiB"
    return ""


def with_libfuzzer(name: str, seconds: int, further: list[str]) -> None:
    """Hand the target to libFuzzer; does not return. `instrument` comes before."""
    import atheris
    from targets import TARGETS, scratch

    from idse.errors import IdseError

    target = TARGETS[name]

    def one(data: bytes) -> None:
        with contextlib.suppress(IdseError):
            target.parse(data)

    corpus = scratch() / "corpus"
    corpus.mkdir()
    for i, seed in enumerate(target.seeds()):
        (corpus / str(i)).write_bytes(seed)
    limits = [f"-max_total_time={seconds}", f"-timeout={int(target.seconds)}", "-rss_limit_mb=4096"]
    atheris.Setup([sys.argv[0], *limits, *further, str(corpus)], one)
    atheris.Fuzz()


def instrument() -> None:
    """Load the parsers so that libFuzzer sees which of their code an input reaches; before all else loads them."""
    import atheris

    with atheris.instrument_imports(include=["idse"]):
        importlib.import_module("targets")
        for room in ("datasets.coco", "learned.coding.coder", "sweeps.packing", "metrics.matching"):
            importlib.import_module(f"idse.{room}")


def main() -> int:
    """Run the command."""
    if "--libfuzzer" in sys.argv:
        instrument()
    from targets import TARGETS

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60, help="how long (60)")
    parser.add_argument("--index", type=int, help="this input alone")
    parser.add_argument("--libfuzzer", action="store_true", help="with atheris")
    parser.add_argument("further", nargs="*", help="options of libFuzzer, after --")
    options = parser.parse_args()
    if options.libfuzzer:
        with_libfuzzer(options.target, options.seconds, options.further)
    count = failed = 0
    if options.index is not None:
        seeds = TARGETS[options.target].seeds()
        chosen = iter([(options.index, made(options.target, options.index, seeds))])
    else:
        chosen = inputs(options.target, seconds=options.seconds)
    for index, data in chosen:
        count += 1
        if problem := check(options.target, data):
            failed += 1
            print(f"{options.target} {index}: {problem}\n  of {len(data)} bytes: {data[:200]!r}")
    print(f"{options.target}: {count} inputs, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
