"""Tables for a terminal."""

from __future__ import annotations

from idse.report.tables import Cell, Table


def plain(table: Table) -> str:
    """A table as aligned lines, its notes below."""
    head = [f"{c.title}, {c.group}" if c.group not in ("", "BD-rate %", "point", "bpp") else c.title for c in table.columns]
    rows = [[table.corner, *head], *[[name, *[_cell(c, table.notes) for c in cells]] for name, cells in table.rows]]
    numbers = [k == 0 or any(cells[k - 1].value is not None for _, cells in table.rows) for k in range(len(rows[0]))]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = [
        "  ".join(
            word.rjust(w) if k and number else word.ljust(w)
            for k, (word, w, number) in enumerate(zip(row, widths, numbers, strict=True))
        ).rstrip()
        for row in rows
    ]
    notes = [f"({number}) {note}" for note, number in table.notes.items()]
    return "\n".join([table.caption, lines[0], "-" * max(map(len, lines)), *lines[1:], *notes])


def _cell(cell: Cell, notes: dict[str, int]) -> str:
    return cell.text + (f" ({notes[cell.note]})" if cell.note else "")
