"""The program `idse`: its commands, and one-line messages for errors."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import Annotated, Any

import typer

from idse import __version__
from idse.cli.compare import compare
from idse.cli.decode import decode
from idse.cli.doctor import doctor
from idse.cli.encode import encode
from idse.cli.eval import eval_
from idse.cli.info import info
from idse.cli.map import map_
from idse.cli.report import report
from idse.cli.sweep import sweep
from idse.cli.train import train
from idse.cli.vtm import vtm
from idse.errors import IdseError

# The base class of all usage errors; depending on its version, Typer uses its own copy of Click or Click itself.
_UsageError: type[Exception] = typer.BadParameter.mro()[1]

_INTERRUPTED = 130

app = typer.Typer(
    name="idse",
    help="Code pictures for machines with VVC: a detector's sketched Jacobian decides where the bits go.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(encode)
app.command()(decode)
app.command("map")(map_)
app.command()(info)
app.command()(doctor)
app.command()(sweep)
app.command()(train)
app.command("eval")(eval_)
app.command()(report)
app.command()(compare)
app.add_typer(vtm, name="vtm")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"idse {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    pass


def main(arguments: list[str]) -> int:
    """Run a command.

    Returns:
        The exit code: 0 after success, 2 after a user's error, which is printed in one line on standard error, 130
        after Ctrl-C or SIGTERM.
    """
    arguments = arguments or ["--help"]
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        result = app(arguments, prog_name="idse", standalone_mode=False)
    except IdseError as error:
        return _complain(str(error), 2)
    except _UsageError as error:
        return _complain(error.format_message(), 2)  # type: ignore[attr-defined]
    except (KeyboardInterrupt, typer.Abort):
        result = _INTERRUPTED
    except MemoryError:
        return _complain("not enough memory: code fewer frames at once (--frames), or a smaller picture", 2)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # the reader has closed the pipe: print no error at exit
        return 1
    if result == _INTERRUPTED:  # Typer returns this exit code after Ctrl-C; some versions raise Abort
        return _complain("interrupted; no incomplete file is left behind", _INTERRUPTED)
    return result if isinstance(result, int) else 0


def _complain(message: str, code: int) -> int:
    print("idse: error: " + " ".join(message.split()), file=sys.stderr)
    return code


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
