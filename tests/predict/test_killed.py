"""Commands stopped by ``kill -9`` and run again: they complete, with the same bytes and no temporary files."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.ensemble import codec, store
from yucca_wm.ensemble.probabilities import Grid
from yucca_wm.jobs.run_record import RECORD

CHILD = """
import os, runpy, signal, sys
left, module = int(sys.argv[1]), sys.argv[2]
rename = os.replace
def replace(*arguments, **keywords):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(*arguments, **keywords)
os.replace = replace
sys.argv = sys.argv[2:]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def run_killed(module: str, arguments: Sequence[str], finished: int) -> None:
    """Run a command and kill it when ``finished`` files are in place and the next is whole but has no name yet."""
    environment = dict(os.environ, OMP_NUM_THREADS="1", PYTHONWARNINGS="ignore")
    command = [sys.executable, "-c", CHILD, str(finished), module, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, f"not killed, exit code {done.returncode}:\n{done.stderr[-2000:]}"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below ``folder``, hidden ones too, but the run record, which tells the time."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != RECORD]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def written(folder: Path) -> dict[str, int]:
    """When the files of `contents` were written."""
    return {name: (folder / name).stat().st_mtime_ns for name in contents(folder)}


@pytest.fixture
def kill_and_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., set[str]]:
    """Run a command whole, killed, and again; returns the files of the killed run that the last one left alone."""

    def check(module: str, arguments: Sequence[str], out: Path, finished: int) -> set[str]:
        def run() -> None:
            monkeypatch.setattr(sys, "argv", [module, *arguments])
            assert importlib.import_module(f"{module}.__main__").main() == 0

        out.mkdir()
        run()
        whole = contents(out)
        out.rename(tmp_path / "whole")
        out.mkdir()
        run_killed(module, arguments, finished)
        left = contents(out)
        assert left != whole
        assert any(".tmp-" in name for name in left), "nothing was under way"
        before = written(out)
        run()
        again = contents(out)
        assert list(again) == list(whole)
        assert [name for name in whole if again[name] != whole[name]] == []
        after = written(out)
        return {name for name in before if before[name] == after.get(name)}

    return check


def test_ensemble(tmp_path: Path, kill_and_run_again: Callable[..., set[str]]) -> None:
    rng = np.random.default_rng(0)
    grid = Grid((6, 5, 4), np.eye(4))
    for modality in ("t1", "flair"):
        (tmp_path / modality).mkdir()
        for case in "abc":
            probabilities = codec.softmax(rng.standard_normal((3, *grid.shape)))
            store.write_array(tmp_path / modality / f"{case}.npz", probabilities, grid)
    folders = [str(tmp_path / modality) for modality in ("t1", "flair")]
    arguments = ["--in_dirs", *folders, "--out_dir", str(tmp_path / "out"), "--confidence", "--jobs", "1"]
    kept = kill_and_run_again("yucca_wm.ensemble", arguments, tmp_path / "out", finished=3)
    assert kept == {"a.nii.gz", "confidence/a.nii.gz"}


def test_evaluate(tmp_path: Path, kill_and_run_again: Callable[..., set[str]]) -> None:
    rng = np.random.default_rng(0)
    for folder in ("pred", "gt"):
        (tmp_path / folder).mkdir()
        for case in "ab":
            data = (rng.random((9, 8, 7)) > 0.8).astype(np.uint8)
            nib.save(nib.Nifti1Image(data, np.eye(4)), tmp_path / folder / f"{case}.nii.gz")
    arguments = ["--pred", str(tmp_path / "pred"), "--gt", str(tmp_path / "gt")]
    arguments += ["--out_dir", str(tmp_path / "out"), "--jobs", "1"]
    kill_and_run_again("yucca_wm.evaluate", arguments, tmp_path / "out", finished=2)


def test_export(tmp_path: Path, lesion_model: Path, kill_and_run_again: Callable[..., set[str]]) -> None:
    arguments = [str(lesion_model), str(tmp_path / "out" / "model.zip")]
    kill_and_run_again("yucca_wm.export", arguments, tmp_path / "out", finished=0)


@pytest.mark.parametrize("pages", [False, True])
def test_predict(
    pages: bool, tmp_path: Path, scan: Callable[..., Path], lesion_model: Path, region_model: Path,
    kill_and_run_again: Callable[..., set[str]],
) -> None:  # fmt: skip
    """Without pages killed between softmax and label map, with pages among them."""
    arguments = ["--t1", str(scan("T1", 0)), "--lesion-model", str(lesion_model), "--out-dir", str(tmp_path / "out")]
    arguments += ["--region-model", str(region_model)] if pages else ["--keep-softmax"]
    kill_and_run_again("yucca_wm.predict", arguments, tmp_path / "out", finished=24 if pages else 1)
    assert (tmp_path / "out" / "report" / "index.html").is_file() == pages
