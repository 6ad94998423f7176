"""`idse compare`: prints two sets of results side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from idse.errors import IdseError

_SOURCE = "STORE, STORE:SWEEP, a CSV file of idse report, or CompressAI's JSON (a file or a folder)."


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=_SOURCE)],
    b: Annotated[str, typer.Argument(metavar="B", help="The other results, in the same form.")],
    output: Annotated[
        list[Path] | None, typer.Option("-o", "--output", help="Also write a .html, .md or .csv file; may be repeated.")
    ] = None,
    method: Annotated[str, typer.Option("--method", help="Interpolation: pchip or akima.")] = "pchip",
) -> None:
    """Print the BD-rate of B against A for codecs of the same name, and the points and settings that differ."""
    if method not in ("pchip", "akima"):
        raise IdseError(f"--method {method}: must be pchip or akima")
    from idse.media.files import check_writable, write_bytes
    from idse.report.compare import compare as compare_results
    from idse.report.compare import load_results, rendered
    from idse.report.exports.plain import plain

    outputs = output or []
    for path in outputs:
        if path.suffix.lower() not in (".html", ".md", ".csv"):
            raise IdseError(f"{path}: name it .html, .md or .csv")
        check_writable(path)
    found = compare_results(load_results(a), load_results(b), cast(Literal["pchip", "akima"], method))
    files = [(path, rendered(found, path.suffix.lower(), (a, b))) for path in outputs]
    head = "\n".join([f"A: {a}", f"B: {b}", *found.remarks])
    print("\n\n".join([head, *[plain(t) for t in found.tables]]))
    for path, words in files:
        write_bytes(path, words.encode())
