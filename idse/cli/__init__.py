"""The command line, with one module for each command; `run` and `run_encode` are the entry points."""

from __future__ import annotations

import os
import sys


def run() -> None:
    """Run `idse` with the arguments of the process, and exit."""
    sys.exit(_main(sys.argv[1:]))


def run_encode() -> None:
    """Run `idse-encode`, which is the same as `idse encode`, and exit."""
    sys.exit(_main(["encode", *sys.argv[1:]]))


def _main(arguments: list[str]) -> int:
    # With this, PyTorch's idle threads sleep instead of spinning: on a busy machine a map takes 0.1 s instead of 4 s.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        from idse.cli.main import main  # inside the try block: Ctrl-C may arrive while modules load
    except KeyboardInterrupt:
        return 130
    return main(arguments)
