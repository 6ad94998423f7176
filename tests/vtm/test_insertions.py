"""What a list of insertions may say, and what is said of a wrong one."""

from __future__ import annotations

import re

import pytest
from made_up_vtm import COST, LIST, SHARED

from idse.engines.settings import Shaping
from idse.errors import IdseError
from idse.vtm import insertions
from idse.vtm.insertions import load_patch_list
from idse.vtm.tree import SUPPORTED


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("count = 1", "count = 0", "must be a whole number from 1"),
        ("count = 1", "count = true", "must be a whole number from 1"),
        ("occurrences = [0]", "occurrences = [2]", "numbers from 0 to 1"),
        ("occurrences = [0]", "occurrences = [0, 0]", "different numbers"),
        ('place = "before"', 'place = "above"', "place must be one of before, after"),
        ('text = "const "', 'text = " "', "must not be empty"),
        ('text = "const "', 'text = "/*idse{*/"', "markers"),
        ('text = "const "', 'text = "a\\r\\nb"', "carriage returns"),
        ('text = "const "', 'text = "x // y"', "would hide what follows"),
        ('text = "const "', "text = 3", "text in 'every part' must be text"),
        ('anchor = "int cost("', 'anchor = "int\\ncost("', "within one line"),
        ('anchor = "int cost("', 'anchors = "int cost("', "anchor missing in 'include'"),
        ('name = "include"', 'name = "include"\nmode = 3', "mode unknown in 'include'"),
        ('name = "include"', 'name = "inc\\nlude"', "printable"),
        (
            '"line-before"\ntext = "set( y )"',
            '"before"\ntext = "set( y )"',
            "only line-before and line-after",
        ),
        ('versions = ["23"]', 'versions = "23"', "versions must look like"),
        ('supported = ["8.2", "23"]', "", "supported missing"),
        ('file = "source/Lib/CommonLib/Cost.cpp"', 'file = "../Cost.cpp"', "plain relative path"),
        ('file = "source/Lib/CommonLib/Cost.cpp"', 'file = "README.md"', "files under source/"),
        ('target = "source/Lib/CommonLib/idse_overlay.cpp"', 'target = "/tmp/x.cpp"', "plain relative path"),
        ('target = "source/Lib/CommonLib/idse_overlay.cpp"', f'target = "{COST}"', "both copied and edited"),
        ('target = "source/Lib/CommonLib/idse_overlay.cpp"', f'target = "{SHARED}"', "copied twice"),
        ("overlay/idse_overlay.cpp", "overlay/absent.cpp", "insertions.toml names: cannot be read"),
        ("overlay/idse_overlay.cpp", "../data/x.cpp", "plain relative path"),
        ("[[copy]]", "[copy]", "insertions.toml: "),
        ('supported = ["8.2", "23"]', 'supported = ["8.2", "23"', "insertions.toml: "),
    ],
)
def test_lists_that_are_wrong(data, old, new, told):
    assert old in LIST
    data.write(LIST.replace(old, new, 1))
    with pytest.raises(IdseError) as caught:
        data.load()
    assert told in str(caught.value)
    assert "insertions.toml" in str(caught.value)


def test_the_digest_covers_sources(data, the_list):
    (data.native / "weights/shared.h").write_bytes(b"other\n")
    assert data.load().digest != the_list.digest


def test_the_real_list():
    """It can be read, and supports the versions that a tree is recognised by."""
    folder, native = insertions._own_data()
    real = load_patch_list(folder, native)
    assert real.supported == SUPPORTED
    assert real.copies
    for version in ("8.2", "10.0", "23.13"):
        assert real.insertions_for(version)


def test_vtms_options_have_the_defaults_of_the_engines():
    real = load_patch_list(*insertions._own_data())
    (text,) = {part.text.decode() for part in real.insertions if part.name == "options"}

    def default(option: str) -> float:
        found = re.search(rf'"IDSE{option}", [\w:()]+\.\w+, ([\d./ ]+),', text)
        assert found, option
        value, _, divisor = found[1].partition("/")
        return float(value) / float(divisor or 1)

    shaping = Shaping()
    assert default("Tau") == shaping.tau
    assert default("Exponent") == shaping.exponent
    assert default("ClipQP") == shaping.clip_qp
    assert default("Gamma") == shaping.gamma
    assert default("ProfileFloor") == shaping.profile_floor
