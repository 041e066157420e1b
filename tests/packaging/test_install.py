"""A wheel and an editable install both carry the start-up files and the overlays, and Yucca finds them."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.packaging

FIND = """
import inspect, sys, yucca_wm
from yucca_wm.bridge.overlays import MANAGERS
from importlib.util import find_spec
assert any(getattr(f, "__name__", "") == "YuccaFinder" for f in sys.meta_path), "hook is not live"
print(yucca_wm.__file__)
print(find_spec("yucca.pipeline.managers.YuccaManager_SkeletonLoss").origin)
print(find_spec("yucca.pipeline.task_conversion.Task004_WM_Location").origin)
"""


def run(*command: str | Path, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("YUCCA", "PYTHON"))}
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """Python of a new environment that sees our dependencies but nothing that we installed at start-up."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    site_packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip()
    (Path(site_packages) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_wheel(clean: Path, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path / "dist", ROOT]
    run(*build, cwd=tmp_path)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    run(clean, "-m", "pip", "install", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    package, manager, task = run(clean, "-c", FIND, cwd=tmp_path).splitlines()
    home = str(tmp_path / "venv")
    assert package.startswith(home)
    assert manager.startswith(home)
    assert task.startswith(home)
    run(clean, "-m", "pip", "uninstall", "--yes", "yucca-wm", cwd=tmp_path)
    left = [path for path in (tmp_path / "venv").rglob("*yucca_wm*") if "__pycache__" not in path.parts]
    assert left == []


def test_editable(clean: Path, tmp_path: Path) -> None:
    run(clean, "-m", "pip", "install", "--no-deps", "--no-index", "--no-build-isolation", "-e", ROOT, cwd=tmp_path)
    package, manager, task = run(clean, "-c", FIND, cwd=tmp_path).splitlines()
    assert package == str(ROOT / "yucca_wm" / "__init__.py")
    assert manager == str(ROOT / "managers" / "YuccaManager_SkeletonLoss.py")
    assert task == str(ROOT / "task_conversion" / "Task004_WM_Location.py")
