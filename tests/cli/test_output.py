import io
import time

import pytest
from rich.console import Console

from idse.cli.output import Bar, last_line


def shown(terminal: bool, patience: float) -> str:
    file = io.StringIO()
    with Bar("encoding x", Console(file=file, force_terminal=terminal), patience) as bar:
        bar(0.25)
        time.sleep(0.4)
    return file.getvalue()


def test_a_bar_appears_after_a_while_on_a_terminal():
    assert "encoding x" in shown(True, 0.05)
    assert " 25%" in shown(True, 0.05)
    assert "encoding x" not in shown(True, 60)
    assert shown(False, 0.05) == ""


def test_the_bar_goes_when_something_fails():
    file = io.StringIO()
    with pytest.raises(KeyboardInterrupt), Bar("x", Console(file=file, force_terminal=True), 0.05):
        time.sleep(0.2)
        raise KeyboardInterrupt
    assert file.getvalue().endswith("\x1b[2K") or "\x1b[?25h" in file.getvalue()  # erased, cursor back


def test_last_line():
    figures = {"bytes": 1234, "bpp": 0.25, "psnr": 38.125, "map_seconds": 0.1, "encode_seconds": 2.0}
    assert last_line(figures) == "1234 bytes  0.2500 bpp  PSNR 38.12 dB  map 0.10 s  encode 2.00 s"
    assert "PSNR lossless" in last_line(figures | {"psnr": None})
