"""Write the files that are generated from the table of the native encoder's tools, cpp/vvc/tools.def.

usage: python scripts/generate_tools.py [--check]

The files are idse/engines/native_tools.py, the lines for the tools in idse/_native.pyi and the table of tools in
docs/encoder.md. With --check nothing is written, and the exit status is 1 if one of them does not agree with the table.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = "cpp/vvc/tools.def"

_MODULE = '''\
"""The tools of the native encoder. Generated from cpp/vvc/tools.def by scripts/generate_tools.py: edit the table."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from idse.errors import IdseError


@dataclass(frozen=True)
class NativeTools:
    """The tools that the native encoder (and VTM, where it has them) may use; a field's metadata describe its option.

    Attributes:
{attributes}

    Raises:
        IdseError: A value that a tool does not have.
    """

{fields}

    def __post_init__(self) -> None:
        for tool in fields(self):
            value, choices = getattr(self, tool.name), tool.metadata["choices"]
            if value not in choices:
                allowed = " or ".join(str(choice).lower() for choice in choices)
                raise IdseError(f"{{tool.name.replace('_', ' ')}} {{value}}: must be {{allowed}}")
'''
_FIELD = """    {name}: {type} = field(
        default={default},
        metadata={{
            "choices": {choices},
            "option": {option},
            "help": {help},
        }},
    )"""


@dataclass(frozen=True)
class Tool:
    """A row of the table; cpp/vvc/tools.def says what each column means."""

    type: str
    name: str
    default: int | bool
    choices: tuple[int | bool, ...]
    option: str
    help: str
    description: str
    syntax: str


def read_table(text: str) -> list[Tool]:
    """Return the rows of the table.

    Raises:
        ValueError: A row that is not of the form that the table's head describes.
    """
    code = re.sub(r"^\s*(//|#).*$", "", text, flags=re.MULTILINE)
    tools = []
    for row in re.findall(r'TOOL\(((?:[^"()]|"[^"]*")*)\)', code):
        cells = [cell.strip() for cell in re.findall(r'(?:"[^"]*"|[^,"])+', row)]
        if len(cells) != 8 or cells[0] not in ("bool", "int"):
            raise ValueError(f"{TABLE}: cannot read TOOL({row})")
        kind, name, default, *words = cells
        choices, option, help_, description, syntax = (ast.literal_eval(word) for word in words)
        values = tuple(map(int, choices.split(","))) if kind == "int" else (False, True)
        value = int(default) if kind == "int" else default == "true"
        tools.append(Tool(kind, name, value, values, option, help_, description, syntax))
    if len(tools) != code.count("TOOL("):
        raise ValueError(f"{TABLE}: {code.count('TOOL(')} rows, {len(tools)} of which can be read")
    return tools


def python_module(tools: list[Tool]) -> str:
    """Return the text of idse/engines/native_tools.py."""

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    return _MODULE.format(
        attributes="\n".join(f"        {tool.name}: {tool.description}" for tool in tools),
        fields="\n".join(
            _FIELD.format(
                name=tool.name, type=tool.type, default=tool.default, choices=tool.choices,
                option=quoted(tool.option), help=quoted(tool.help),
            )
            for tool in tools
        ),
    )  # fmt: skip


def stub_lines(tools: list[Tool]) -> str:
    """Return the lines for the tools in idse/_native.pyi."""
    return "".join(f"    {tool.name}: {tool.type}\n" for tool in tools)


def documentation(tools: list[Tool]) -> str:
    """Return the table of tools in docs/encoder.md."""

    def shown(value: int | bool) -> str:
        return str(value) if not isinstance(value, bool) else "on" if value else "off"

    rows = [
        f"| `{tool.name}` | `{tool.option}` | {' or '.join(map(shown, tool.choices[::-1]))} | {shown(tool.default)} "
        f"| {tool.description} | {tool.syntax} |"
        for tool in tools
    ]
    head = "| field | option of `idse encode` | values | default | what it does | H.266 |"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows]) + "\n"


def between(text: str, begin: str, end: str, new: str) -> str:
    """Return the text with everything between the lines `begin` and `end` replaced.

    Raises:
        ValueError: The lines are not there.
    """
    pattern = re.compile(rf"({re.escape(begin)}\n).*?([ \t]*{re.escape(end)}\n)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"no lines '{begin}' and '{end}'")
    return pattern.sub(lambda found: found[1] + new + found[2], text)


def generated(root: Path) -> dict[Path, str]:
    """Return the text that each generated file should have, by the file's path."""
    tools = read_table((root / TABLE).read_text())
    stub, docs = root / "idse/_native.pyi", root / "docs/encoder.md"
    return {
        root / "idse/engines/native_tools.py": python_module(tools),
        stub: between(
            stub.read_text(), "# made by scripts/generate_tools.py:", "# end of what is made", stub_lines(tools)
        ),
        docs: between(
            docs.read_text(), "<!-- made by scripts/generate_tools.py -->", "<!-- end -->", documentation(tools)
        ),
    }


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Write the files that do not agree with the table, or with `--check` only name them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is out of date")
    check = parser.parse_args(arguments).check
    stale = [
        (path, text)
        for path, text in generated(root).items()
        if not path.exists() or path.read_text() != text
    ]
    for path, text in stale:
        print(f"{path.relative_to(root)}: {'is not what the table says' if check else 'written'}")
        if not check:
            path.write_text(text)
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
