"""The command line: one small module a command; `run` and `run_encode` are the entry points."""

from __future__ import annotations

import os
import sys


def run() -> None:
    """`idse`."""
    sys.exit(_main(sys.argv[1:]))


def run_encode() -> None:
    """`idse-encode`: the same as `idse encode`."""
    sys.exit(_main(["encode", *sys.argv[1:]]))


def _main(arguments: list[str]) -> int:
    # PyTorch's idle threads then sleep instead of spinning: on a busy machine a map takes 0.1 s, not 4.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        from idse.cli.main import main  # within the try: Ctrl-C may come while modules load
    except KeyboardInterrupt:
        return 130
    return main(arguments)
