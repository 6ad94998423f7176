"""The files of a report and how they are written: all are made before the first one is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from idse.errors import IdseError
from idse.media.files import check_writable, write_bytes
from idse.report import text
from idse.report.tables import bd_tables, class_tables, per_picture_table

if TYPE_CHECKING:
    from idse.report.page import PageOptions
    from idse.study import Study

FORMATS = {"html": ".html", "csv": ".csv", "md": ".md", "latex": ".tex", "compressai": ""}
_BY_SUFFIX = {".html": "html", ".htm": "html", ".csv": "csv", ".md": "md", ".tex": "latex", "": "compressai"}

Files = dict[Path, str]


def targets(outputs: Sequence[Path], formats: str | None, default: Path) -> list[tuple[str, Path]]:
    """Formats with their paths: by suffix, or each of `formats` under the outputs' names.

    Args:
        outputs: The paths that were given; if there are none, `default`.
        formats: Joined by commas, or None.
        default: A path without suffix.

    Raises:
        IdseError: An unknown format or suffix.
    """
    if formats is None:
        return [(_format_of(path), path) for path in outputs or [default.with_name(f"{default.name}.html")]]
    found = []
    for word in [w.strip() for w in formats.split(",")]:
        if word not in FORMATS:
            raise IdseError(f"format '{word}': must be one of {', '.join(FORMATS)}")
        for path in outputs or [default]:
            stem = path.name.removesuffix(path.suffix) if path.suffix in _BY_SUFFIX else path.name
            found.append((word, path.with_name(stem + FORMATS[word])))
    return found


def _format_of(path: Path) -> str:
    suffix = "" if path.is_dir() else path.suffix.lower()
    if suffix not in _BY_SUFFIX:
        raise IdseError(
            f"{path}: this suffix is of no known format; use .html, .csv, .md or .tex, a folder, or --format"
        )
    return _BY_SUFFIX[suffix]


def check_targets(wanted: Sequence[tuple[str, Path]]) -> None:
    """Raise an `IdseError` before the work begins if a file could not be written."""
    for kind, path in wanted:
        if kind != "compressai":
            check_writable(path)
        elif path.exists() and not path.is_dir():
            raise IdseError(f"cannot write {path}: CompressAI's JSON has a file for each codec; name a folder")
        elif not path.exists():
            check_writable(path)


def write_report(study: Study, options: PageOptions, wanted: Sequence[tuple[str, Path]]) -> list[Path]:
    """Write a study in some formats; returns the files.

    Raises:
        IdseError: A file cannot be written, or the page would be too large.
    """
    makers: dict[str, Callable[[Study, PageOptions, Path], Files]] = {
        "html": _html, "csv": _csv, "md": _markdown, "latex": _latex, "compressai": _compressai,
    }  # fmt: skip
    files: Files = {}
    for kind, path in wanted:
        files |= makers[kind](study, options, path)
    for path, words in files.items():
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise IdseError(f"cannot write {path}: {error.strerror}") from None
        write_bytes(path, words.encode())
    return list(files)


def _html(study: Study, options: PageOptions, path: Path) -> Files:
    from idse.report.page import make_page

    return {path: make_page(study, options)}


def _csv(study: Study, options: PageOptions, path: Path) -> Files:
    from idse.report.exports.csv_files import figures_csv, points_csv
    from idse.report.results import from_study

    return {
        path: points_csv(from_study(study)),
        path.with_name(f"{path.stem}-bd{path.suffix}"): figures_csv(study, options.anchor, options.method),
    }


def _markdown(study: Study, options: PageOptions, path: Path) -> Files:
    from idse.report.exports.markdown import markdown
    from idse.report.provenance import short

    tables = [*bd_tables(study, options.anchor, options.method), per_picture_table(study, options.anchor)]
    return {path: markdown(options.title or study.name, tables, short(study))}


def _latex(study: Study, options: PageOptions, path: Path) -> Files:
    from idse.report.exports.latex import latex
    from idse.report.provenance import short

    tables = [
        *bd_tables(study, options.anchor, options.method),
        *class_tables(study, options.anchor, options.method),
    ]
    return {path: latex(tables, short(study))}


def _compressai(study: Study, options: PageOptions, path: Path) -> Files:
    import json

    from idse.report.exports.compressai import compressai
    from idse.report.results import from_study

    files: Files = {}
    for codec in from_study(study).codecs:
        target = path / f"{text.slug(codec.name)}.json"
        if target in files:
            raise IdseError(
                f"two codecs would be written to {target}: give them names that differ in letters or digits"
            )
        files[target] = json.dumps(compressai(codec), indent=2, allow_nan=False) + "\n"
    return files
