"""The options of `idse encode` for tools: one for each row of the table."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from idse.cli.main import main
from idse.engines import NativeTools


@pytest.fixture
def picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ramp = np.add.outer(np.arange(64), 3 * np.arange(64)).astype(np.uint8)
    Image.fromarray(ramp).save("a.png")
    return "a.png"


def encoded(capsys, picture, *options):
    code = main(["encode", picture, "--importance", "none", "--preset", "0", "--json", *options])
    out = capsys.readouterr()
    assert code == 0, out.err
    return json.loads(out.out)["provenance"]["settings"]


@pytest.mark.parametrize("tool", dataclasses.fields(NativeTools), ids=lambda tool: tool.name)
def test_every_tool_has_an_option(capsys, picture, tool):
    assert encoded(capsys, picture)[tool.name] == tool.default
    other = next(choice for choice in tool.metadata["choices"] if choice != tool.default)
    names = tool.metadata["option"].split("/")
    given = [names[0 if other is True else -1]] if isinstance(other, bool) else [names[0], str(other)]
    assert encoded(capsys, picture, *given)[tool.name] == other


def test_a_value_that_is_none(capsys, picture):
    assert main(["encode", picture, "--ctu", "32"]) == 2
    assert "ctu size 32: must be 64 or 128" in capsys.readouterr().err
