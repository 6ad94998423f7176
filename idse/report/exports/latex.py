"""Tables for a paper; they need the booktabs package."""

from __future__ import annotations

from collections.abc import Sequence

from idse.report.tables import Cell, Table

_SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "–": "--", "−": "$-$", "<": "$<$", ">": "$>$",
    "·": r"$\cdot$", "…": r"\dots{}",
}  # fmt: skip


def escape(words: str) -> str:
    """A text with the special characters of LaTeX escaped."""
    return "".join(_SIGNS.get(sign, sign) for sign in words).replace("\n", " ")


def latex(tables: Sequence[Table], provenance: str) -> str:
    r"""The tables, each in a `table` environment, for \input."""
    head = f"% {' '.join(provenance.split())}\n% \\usepackage{{booktabs}}\n"
    return head + "\n".join(_table(t) for t in tables)


def _table(table: Table) -> str:
    columns = "l" + "r" * len(table.columns)
    lines = [
        r"\begin{table}", r"\centering", rf"\caption{{{escape(table.caption)}.}}", rf"\label{{tab:{table.key}}}",
        rf"\begin{{tabular}}{{{columns}}}", r"\toprule",
    ]  # fmt: skip
    if any(name for name, _ in table.groups):
        lines.append(_groups(table))
    lines += [
        _row([escape(table.corner), *[escape(c.title) for c in table.columns]]),
        r"\midrule",
        *[_row([escape(name), *[_cell(c, table.notes) for c in cells]]) for name, cells in table.rows],
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if table.notes:
        notes = [rf"\textsuperscript{{{number}}}~{escape(note)}" for note, number in table.notes.items()]
        lines += [r"\par\smallskip\footnotesize", "; ".join(notes) + "."]
    return "\n".join([*lines, r"\end{table}", ""])


def _groups(table: Table) -> str:
    cells, rules, at = [""], [], 2
    for name, count in table.groups:
        cells.append(rf"\multicolumn{{{count}}}{{c}}{{{escape(name)}}}")
        if name:
            rules.append(rf"\cmidrule(lr){{{at}-{at + count - 1}}}")
        at += count
    return _row(cells) + " " + " ".join(rules)


def _row(fields: Sequence[str]) -> str:
    return " & ".join(fields) + r" \\"


def _cell(cell: Cell, notes: dict[str, int]) -> str:
    mark = rf"\textsuperscript{{{notes[cell.note]}}}" if cell.note else ""
    if cell.value is None:
        return escape(cell.text) + mark
    number, pm, half = cell.text.partition(" ±")
    sign = f"$-${number[1:]}" if number.startswith("-") else number
    sign = rf"\textbf{{{sign}}}" if cell.tone == "win" else sign
    return sign + (rf" {{\scriptsize $\pm$\,{half}}}" if pm else "") + mark
