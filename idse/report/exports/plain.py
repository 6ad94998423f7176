"""Tables for a terminal."""

from __future__ import annotations

from idse.report.tables import Cell, Table

_WIDTH = 120


def plain(table: Table) -> str:
    """A table as aligned lines, its notes below; columns that do not fit the width follow below."""
    head = [
        f"{c.title}, {c.group}" if c.group not in ("", "BD-rate %", "point", "bpp") else c.title
        for c in table.columns
    ]
    rows = [
        [table.corner, *head],
        *[[name, *[_cell(c, table.notes) for c in cells]] for name, cells in table.rows],
    ]
    blocks = [_block(table, rows, columns) for columns in _blocks(rows)]
    notes = [f"({number}) {note}" for note, number in table.notes.items()]
    return "\n".join([table.caption, "\n\n".join(blocks), *notes])


def _blocks(rows: list[list[str]]) -> list[list[int]]:
    """Groups of columns that fit the width; each group begins with the first column."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    blocks: list[list[int]] = [[]]
    for k in range(1, len(widths)):
        if blocks[-1] and sum(widths[i] + 2 for i in (0, *blocks[-1], k)) > _WIDTH:
            blocks.append([])
        blocks[-1].append(k)
    return [[0, *block] for block in blocks]


def _block(table: Table, rows: list[list[str]], columns: list[int]) -> str:
    lines = []
    for row in rows:
        words = []
        for k in columns:
            width = max(len(r[k]) for r in rows)
            number = k and any(cells[k - 1].value is not None for _, cells in table.rows)
            words.append(row[k].rjust(width) if number else row[k].ljust(width))
        lines.append("  ".join(words).rstrip())
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _cell(cell: Cell, notes: dict[str, int]) -> str:
    return cell.text + (f" ({notes[cell.note]})" if cell.note else "")
