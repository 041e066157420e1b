"""Style, types and import layers; `make lint` runs this file alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("command", ["mypy", "ruff check .", "ruff format --check .", "lint-imports"])
def test_nothing_is_found(command: str) -> None:
    program, *arguments = command.split()
    words = [str(Path(sys.executable).with_name(program)), *arguments]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
