"""Tables for a README."""

from __future__ import annotations

from collections.abc import Sequence

from idse.report.tables import Cell, Table

_ESCAPED = str.maketrans({sign: f"\\{sign}" for sign in "\\|*_`[]"} | {"<": "&lt;", "\n": " "})


def markdown(title: str, tables: Sequence[Table], provenance: str) -> str:
    """A heading, the tables with their notes, and the provenance."""
    parts = [
        f"# {_escape(title)}",
        *[_table(t) for t in tables],
        f"`*`: the difference is larger than its interval. {_escape(provenance)}",
    ]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    head = [f"{c.group} {c.title}" if c.group not in ("", "BD-rate %") else c.title for c in table.columns]
    lines = [
        _row([table.corner, *head]),
        _row(["---", *["---:"] * len(head)]),
        *[_row([name, *[_cell(c, table.notes) for c in cells]]) for name, cells in table.rows],
    ]
    notes = [f"({number}) {_escape(note)}" for note, number in table.notes.items()]
    return "\n".join([f"**{_escape(table.caption)}**", "", *lines, *(["", *notes] if notes else [])])


def _row(fields: Sequence[str]) -> str:
    return "| " + " | ".join(_escape(f) for f in fields) + " |"


def _cell(cell: Cell, notes: dict[str, int]) -> str:
    return cell.text + ("*" if cell.tone else "") + (f" ({notes[cell.note]})" if cell.note else "")


def _escape(words: str) -> str:
    """Escape pipes and other characters that Markdown would read as markup."""
    return words.translate(_ESCAPED)
