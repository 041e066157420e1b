"""``yucca_inference`` stopped by ``kill -9`` and run again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

TASK, TARGET = "Task001_WM_Lesion", "Task002_WM_Lesion_T1"
FOLD = Path("TinyUNet__2D", "YuccaManager__YuccaPlanner", "default", "kfold_5_fold_0")

KILLED = """
import os, runpy, signal, sys
left = int(sys.argv[1])
rename = os.replace
def replace(source, *arguments, **keywords):
    global left
    left -= ".tmp-" in str(source)
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(source, *arguments, **keywords)
os.replace = replace
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.chain
def test_killed_and_run_again_leaves_the_same_bytes(
    tmp_path: Path, version_folder: Callable[..., Path], scan: Callable[..., Path]
) -> None:
    """Killed when the softmax file of the second of two cases is whole but has no name yet."""
    folders = {name: tmp_path / name.lower() for name in ("YUCCA_RAW_DATA", "YUCCA_MODELS", "YUCCA_RESULTS")}
    version_folder(folders["YUCCA_MODELS"] / TASK / FOLD / "version_0", 3, "2D", seed=1, task=TASK)
    images = folders["YUCCA_RAW_DATA"] / TARGET / "imagesTs"
    images.mkdir(parents=True)
    for number, case in enumerate(("a", "b")):
        shutil.move(scan(case, number), images / f"{case}_000.nii.gz")
    program = shutil.which("yucca_inference", path=str(Path(sys.executable).parent))
    assert program is not None
    arguments = ["-s", TASK, "-t", TARGET, "-d", "2D", "-m", "TinyUNet", "--save_softmax", "--no_wandb"]
    environment = {
        **os.environ, **{name: str(folder) for name, folder in folders.items()}, "OMP_NUM_THREADS": "1",
        "YUCCA_SOURCE": str(tmp_path), "YUCCA_PREPROCESSED_DATA": str(tmp_path / "preprocessed"),
    }  # fmt: skip
    made = folders["YUCCA_RESULTS"] / TARGET / TASK / FOLD / "version_0" / "best"

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True)

    def contents() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(made.iterdir())}

    first = run(program)
    assert first.returncode == 0, first.stderr[-3000:]
    whole = contents()
    assert list(whole) == ["a.nii.gz", "a.npz", "b.nii.gz", "b.npz"]
    shutil.rmtree(made)
    killed = run(sys.executable, "-c", KILLED, "2", program)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-3000:]
    assert any(".tmp-" in name for name in contents())
    again = run(program)
    assert again.returncode == 0, again.stderr[-3000:]
    assert contents() == whole
