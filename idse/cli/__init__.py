"""The command line: one small module a command; `run` and `run_encode` are the entry points."""

from __future__ import annotations

import sys


def run() -> None:
    """`idse`."""
    sys.exit(_main(sys.argv[1:]))


def run_encode() -> None:
    """`idse-encode`: the same as `idse encode`."""
    sys.exit(_main(["encode", *sys.argv[1:]]))


def _main(arguments: list[str]) -> int:
    try:
        from idse.cli.main import main  # within the try: Ctrl-C may come while modules load
    except KeyboardInterrupt:
        return 130
    return main(arguments)
