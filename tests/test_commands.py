"""Every command answers --help at once, without loading what it needs for work, and knows right from wrong usage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import yucca_wm

PACKAGE = Path(yucca_wm.__file__).parent
COMMANDS = sorted(
    [path.parent.name for path in PACKAGE.glob("*/__main__.py")]
    + [path.stem for path in PACKAGE.glob("*.py") if "__main__" in path.read_text(encoding="utf-8")]
)
HEAVY = ("torch", "numpy", "scipy", "matplotlib", "nibabel", "SimpleITK", "pandas", "yucca", "nilearn", "sklearn")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_nothing_heavy(command: str) -> None:
    code = (
        "import runpy, sys, atexit\n"
        f"atexit.register(lambda: print('HEAVY', *sorted(m for m in {HEAVY} if m in sys.modules)))\n"
        "sys.argv = ['x', '--help']\n"
        f"runpy.run_module('yucca_wm.{command}', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout
    assert done.stdout.splitlines()[-1] == "HEAVY"


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_usage_is_exit_code_2(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"yucca_wm.{command}", "--no-such-option"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    if command != "__main__":  # which says how a step is chosen
        assert done.stderr.count("\n") == 1
    assert "see yucca-wm " in done.stderr


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import sys, yucca_wm; print(*[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
