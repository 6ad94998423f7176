"""`idse vtm patch`, `idse vtm status`, `idse vtm unpatch`, and the options of `idse encode` for VTM."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from idse.cli import options as o
from idse.cli.groups import Group, option
from idse.cli.output import note, print_json
from idse.errors import IdseError
from idse.vtm import patcher
from idse.vtm.options import MODES, TOOLS, parse_tools
from idse.vtm.patcher import PatchReport

_PANEL = "VTM"

VTM = Group(
    [
        option(
            "vtm_root",
            Annotated[
                Path | None,
                typer.Option(
                    "--vtm-root", help="A built checkout of VTM (default: IDSE_VTM_ROOT).", rich_help_panel=_PANEL
                ),
            ],
        ),
        option(
            "vtm_mode",
            Annotated[
                str | None,
                typer.Option(
                    "--vtm-mode",
                    help=f"{', '.join(MODES)}: VTM's configuration (default: intra).",
                    rich_help_panel=_PANEL,
                ),
            ],
        ),
        option(
            "vtm_tools",
            Annotated[
                str | None,
                typer.Option(
                    "--vtm-tools",
                    help="Decisions that use the weights, instead of --weight-scope: all, none, or some of "
                    f"{','.join(TOOLS)}.",
                    rich_help_panel=_PANEL,
                ),
            ],
        ),
        option(
            "vtm_extra",
            Annotated[
                str | None,
                typer.Option(
                    "--vtm-extra",
                    help='Further arguments for VTM, such as "--ALF=0 --SAO=0".',
                    rich_help_panel=_PANEL,
                ),
            ],
        ),
        option(
            "vtm_in_process",
            Annotated[
                bool,
                typer.Option(
                    "--vtm-in-process",
                    help="Code with the module idse._vtm in this process, if it is built.",
                    rich_help_panel=_PANEL,
                ),
            ],
            False,
        ),
        option(
            "vtm_timeout",
            Annotated[
                float | None,
                typer.Option(
                    "--vtm-timeout", help="Seconds after which VTM is ended.", rich_help_panel=_PANEL
                ),
            ],
        ),
    ],
    lambda values: {name: value for name, value in values.items() if value is not None and value is not False},
)
"""The options `--vtm-...` of `idse encode`; collects those that were given, by name."""

vtm = typer.Typer(
    help="Patch your checkout of VTM, the VVC reference software, so that it can use weights, or remove the patch."
)

_Root = Annotated[Path, typer.Argument(metavar="DIR", help="Your checkout of VTM: 8.2, 10.0 or 23.x.")]


def vtm_options(engine: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the engine `vtm` for those of the command line.

    Args:
        engine: Name of the chosen engine.
        given: The options that `VTM` collected.

    Raises:
        IdseError: Options are given for another engine, or a value cannot be read.
    """
    if given and engine != "vtm":
        name = next(iter(given)).replace("_", "-")
        raise IdseError(f"--{name} is for VTM: add --engine vtm, or leave it out")
    options = {name.removeprefix("vtm_"): value for name, value in given.items()}
    if "tools" in options:
        options["tools"] = parse_tools(options["tools"])
    if "extra" in options:
        try:
            options["extra"] = shlex.split(options["extra"])
        except ValueError as error:
            raise IdseError(
                f"--vtm-extra {options['extra']}: {error}; quote it as for a shell"
            ) from None
    return options


@vtm.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@vtm.command("patch")
def patch(root: _Root) -> None:
    """Add idse's sources and lines to a checkout, or bring them up to date; if that is not possible, change nothing."""
    report = patcher.patch(root)
    if _tell(report, "patched", "already patched"):
        print(patcher.status(root).next_step)


@vtm.command("unpatch")
def unpatch(root: _Root) -> None:
    """Remove idse's sources and lines, byte for byte; your own edits stay."""
    _tell(patcher.unpatch(root), "patch removed", "nothing to remove")


@vtm.command("status")
def status(root: _Root, json: o.Json = False) -> None:
    """Print whether a checkout is patched and built, and what to do next."""
    found = patcher.status(root)
    tree = found.tree
    if json:
        print_json({
            "root": str(tree.root), "vtm": tree.version, "state": found.state.name.lower(),
            "usable": found.usable, "details": found.details, "patched_by": found.patched_by,
            "executable": tree.executable and str(tree.executable),
            "executable_current": found.executable_current, "next": found.next_step,
        })  # fmt: skip
        return
    print(f"VTM {tree.version} in {tree.root}")
    by = f" (by idse {found.patched_by})" if found.patched_by else ""
    print(f"state  {found.state.value}{by}")
    for line in found.details:
        print(f"       {line}")
    age = "" if found.executable_current or not found.usable else ", older than the patch"
    print(f"built  {f'{tree.executable}{age}' if tree.executable else 'no encoder in bin/'}")
    print(f"next   {found.next_step}")


def _tell(report: PatchReport, done: str, nothing: str) -> bool:
    """Print what was done, and return False if there was nothing to do."""
    for line in report.notes:
        note(line)
    counts = [f"{len(names)} files {verb}" for names, verb in (
        (report.written, "written"), (report.removed, "removed")
    ) if names]  # fmt: skip
    if not counts:
        print(f"{nothing}: VTM {report.tree.version} in {report.tree.root}")
        return False
    print(f"{done}: VTM {report.tree.version} in {report.tree.root}, {', '.join(counts)}")
    return True
