"""`idse report` and `idse compare` as commands: the files they write, and one line for each mistake."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from idse.cli.main import main


def test_all_formats_at_once(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "report",
        str(store),
        "-o",
        str(tmp_path / "r"),
        "--format",
        "csv,md,latex,compressai",
        "--draws",
        "20",
    ]
    assert main(arguments) == 0
    names = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert {"r.csv", "r-bd.csv", "r.md", "r.tex", "r/plain.json", "r/else-where-so.json"} <= names
    assert len([line for line in capsys.readouterr().out.splitlines() if "bytes" in line]) == len(names)
    assert main(["compare", str(tmp_path / "r.csv"), str(store), "-o", str(tmp_path / "c.html")]) == 0
    said = capsys.readouterr().out
    assert "BD-rate of B against A" in said and "50 points" not in said and "30 points are equal" in said
    assert (tmp_path / "c.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("report absent.sqlite -o r.html", "absent.sqlite: no such store"),
        ("report notes.txt -o r.html", "notes.txt: is not a store of results"),
        ("report other.sqlite -o r.html", "other.sqlite: is not a store of results"),
        ("report empty.sqlite -o r.html", "empty.sqlite: no sweep in this store yet"),
        ("report good.sqlite -o r.html --sweep x", "has no sweep 'x': it has made-up"),
        (
            "report good.sqlite -o r.html --anchor vtm",
            "no codec 'vtm' here: choose one of plain, weighted tau=0.05",
        ),
        ("report good.sqlite -o no/such/r.html", "the folder no/such does not exist"),
        ("report good.sqlite -o r.docx", "r.docx: this suffix is of no known format"),
        (
            "report good.sqlite --format html,pdf",
            "format 'pdf': must be one of html, csv, md, latex, compressai",
        ),
        ("report good.sqlite -o r.html --method cubic", "--method cubic: must be pchip or akima"),
        ("report good.sqlite -o r.html --draws -1", "--gallery and --draws: must be 0 or more"),
        (
            "report good.sqlite -o good.csv --format compressai -o good.sqlite",
            "file for each codec; name a folder",
        ),
        ("compare good.sqlite absent", "absent: no such results"),
        ("compare good.sqlite folder", "folder: this folder has no JSON files"),
        ("compare good.sqlite notes.csv", "notes.csv: not a CSV file of results"),
        ("compare good.sqlite good.sqlite -o c.pdf", "c.pdf: name it .html, .md or .csv"),
    ],
)
def test_one_line_for_every_mistake(
    command: str, complaint: str, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    shutil.copy(store, "good.sqlite")
    for name in ("notes.txt", "notes.csv"):
        Path(name).write_text("nothing of the kind\n")
    Path("folder").mkdir()
    sqlite3.connect("other.sqlite").execute("CREATE TABLE x (y)")
    from idse.sweeps.store import Store

    Store(Path("empty.sqlite")).close()
    before = {p.name for p in tmp_path.iterdir() if p.suffix not in (".sqlite-shm", ".sqlite-wal")}
    assert main(command.split()) == 2
    said = capsys.readouterr()
    assert complaint in said.err and said.err.count("\n") == 1 and not said.out
    assert {p.name for p in tmp_path.iterdir() if not p.name.endswith(("-shm", "-wal"))} == before
