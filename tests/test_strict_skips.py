"""Continuous integration skips only what an installation of idse[dev] does not bring."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = """
import pytest
def test_of_an_extra():
    pytest.importorskip("no_such_package")
def test_of_vtm():
    pytest.skip("no VTM: IDSE_VTM_ROOT names none")
"""


def outcomes(folder: Path, *options: str) -> tuple[int, set[str]]:
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, str(folder)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return run.returncode, set(re.findall(r"\d+ (?:passed|failed|skipped|error)", run.stdout))


def test_a_skip_for_want_of_an_extra_fails(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_some.py").write_text(TESTS)
    assert outcomes(tmp_path) == (0, {"2 skipped"})
    assert outcomes(tmp_path, "--strict-skips") == (1, {"1 failed", "1 skipped"})
    (tmp_path / "test_module.py").write_text("import pytest\npytest.skip('not built here', allow_module_level=True)\n")
    code, counts = outcomes(tmp_path, "--strict-skips")
    assert code != 0
    assert "1 error" in counts
