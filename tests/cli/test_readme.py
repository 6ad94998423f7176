"""What the README shows runs."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

README = Path(__file__).parents[2] / "README.md"


def test_python_example(tmp_path, monkeypatch, photograph):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photograph[:96, :128]).save("photo.jpg")
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    exec(compile(example, str(README), "exec"), {})
    assert (tmp_path / "photo.266").stat().st_size > 100


def test_commands(tmp_path, monkeypatch, photograph):
    from idse.cli.main import main

    monkeypatch.chdir(tmp_path)
    Image.fromarray(photograph[:96, :128]).save("photo.jpg")
    commands = re.findall(
        r"^    idse (.*?)(?: +#.*)?$", README.read_text().split("## Compare")[0], re.MULTILINE
    )
    assert len(commands) == 5
    for command in commands:
        assert main(command.split()) == 0
