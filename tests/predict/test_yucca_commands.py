"""Yucca's own commands with our package installed, on tiny networks: ``yucca_inference`` and ``yucca_ensemble``."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from yucca_wm.imaging import images
from yucca_wm.predict.__main__ import main

pytestmark = pytest.mark.chain

TASK, T1_TASK, FLAIR_TASK = "Task001_WM_Lesion", "Task002_WM_Lesion_T1", "Task003_WM_Lesion_FLAIR"
VERSION = Path("TinyUNet__2D", "YuccaManager__YuccaPlanner", "default", "kfold_5_fold_0", "version_0")
CASES = ("a", "b")

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


class Commands:
    """Yucca's folders with a 2D network of three classes and two cases, and its commands."""

    def __init__(self, root: Path) -> None:
        self.raw, self.models, self.results = (root / name for name in ("raw", "models", "results"))
        self.model = self.models / TASK / VERSION
        folders = {"YUCCA_RAW_DATA": self.raw, "YUCCA_MODELS": self.models, "YUCCA_RESULTS": self.results}
        folders |= {"YUCCA_SOURCE": root, "YUCCA_PREPROCESSED_DATA": root / "preprocessed"}
        self._environment = os.environ | {name: str(folder) for name, folder in folders.items()}
        self._environment["OMP_NUM_THREADS"] = "1"

    def predictions(self, target: str) -> Path:
        return self.results / target / TASK / VERSION / "best"

    def run(self, *arguments: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        program = shutil.which(arguments[0], path=str(Path(sys.executable).parent))
        assert program is not None
        command = [*prefix, program, *arguments[1:]]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True)

    def infer(self, target: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        options = ("-d", "2D", "-m", "TinyUNet", "--save_softmax", "--no_wandb")
        return self.run("yucca_inference", "-s", TASK, "-t", target, *options, prefix=prefix)


@pytest.fixture(scope="module")
def commands(
    tmp_path_factory: pytest.TempPathFactory, version_folder: Callable[..., Path], noisy_ball: Callable[..., Path]
) -> Commands:
    """With T1 predicted."""
    made = Commands(tmp_path_factory.mktemp("yucca"))
    version_folder(made.model, 3, "2D", seed=1, task=TASK)
    for number, case in enumerate(CASES):
        noisy_ball(made.raw / T1_TASK / "imagesTs" / f"{case}_000.nii.gz", number)
        noisy_ball(made.raw / FLAIR_TASK / "imagesTs" / f"{case}_000.nii.gz", 10 + number)
    done = made.infer(T1_TASK)
    assert done.returncode == 0, done.stderr[-3000:]
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_predict_gives_the_label_maps_of_the_chain(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = commands.infer(FLAIR_TASK)
    assert done.returncode == 0, done.stderr[-3000:]
    folders = {"T1": commands.predictions(T1_TASK), "FLAIR": commands.predictions(FLAIR_TASK)}
    done = commands.run("yucca_ensemble", "--in_dirs", *map(str, folders.values()), "--out_dir", str(tmp_path / "both"))
    assert done.returncode == 0, done.stderr[-3000:]
    for case in CASES:
        scans = [commands.raw / task / "imagesTs" / f"{case}_000.nii.gz" for task in (T1_TASK, FLAIR_TASK)]
        command = ["predict", "--t1", str(scans[0]), "--flair", str(scans[1]), "--name", case]
        command += ["--lesion-model", str(commands.model), "--out-dir", str(tmp_path / case), "--device", "cpu"]
        monkeypatch.setattr(sys, "argv", command)
        assert main() == 0
        expected = {"lesions": tmp_path / "both", "lesions_T1": folders["T1"], "lesions_FLAIR": folders["FLAIR"]}
        for what, folder in expected.items():
            said = tmp_path / case / what / f"{case}.nii.gz"
            assert said.read_bytes() == (folder / f"{case}.nii.gz").read_bytes(), what
            assert len(np.unique(images.load(said).data)) > 1


def test_inference_killed_and_run_again_leaves_the_same_bytes(commands: Commands) -> None:
    """Killed when the softmax file of the second of two cases is whole but has no name yet."""
    made = commands.predictions(T1_TASK)
    whole = contents(made)
    assert list(whole) == ["a.nii.gz", "a.npz", "b.nii.gz", "b.npz"]
    shutil.rmtree(made)
    killed = commands.infer(T1_TASK, prefix=(sys.executable, "-c", KILLED, "2"))
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-3000:]
    assert any(".tmp-" in name for name in contents(made))
    again = commands.infer(T1_TASK)
    assert again.returncode == 0, again.stderr[-3000:]
    assert contents(made) == whole
