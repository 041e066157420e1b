"""Runs stopped by ``kill -9`` at random moments and run again leave what an undisturbed run leaves, and nothing else.

``YUCCA_WM_KILLS=20 YUCCA_WM_SUBJECTS=50 pytest tests/cohort/test_resume.py`` does it at length.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from yucca_wm.jobs.run_record import RECORD

KILLS = int(os.environ.get("YUCCA_WM_KILLS", "2"))
SUBJECTS = int(os.environ.get("YUCCA_WM_SUBJECTS", "8"))
SHAPE, SPACING_MM = (20, 24, 18), 4.0  # registration takes time by the mm
COMMANDS = ("parcellate", "localize")


def save(path: Path, data: NDArray[np.bool_] | NDArray[np.int64], shift_mm: float = 0.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1])
    affine[:3, 3] = np.array([-38, -46, -34]) + shift_mm
    nib.save(nib.Nifti1Image(data.astype(np.uint8), affine), path)


def brain(stretch: float = 1.0) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """A lopsided white matter and its regions (1 to 17 left, 18 to 34 right), [i, j, k]."""
    place = (np.indices(SHAPE).transpose(1, 2, 3, 0) - np.array(SHAPE) / 2 + 0.5) / np.array(SHAPE)
    x, y, z = np.moveaxis(place, -1, 0)
    wm = ((x / stretch) ** 2 + y**2 + z**2 < 0.16) & ~((np.abs(x) < 0.08) & (z < 0)) & ~((y > 0.2) & (z > 0.1))
    return wm, wm * (np.indices(SHAPE)[1] * 17 // SHAPE[1] + np.where(x < 0, 1, 18))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas, a cohort with white matter, and a folder each of lesion and region maps."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(0)
    wm, regions = brain()
    save(folder / "atlas_wm.nii.gz", wm)
    save(folder / "atlas_labels.nii.gz", regions)
    for number in range(SUBJECTS):
        own_wm, own_regions = brain(rng.uniform(0.9, 1.1))
        save(folder / "cohort" / f"sub-{number:02d}" / "pre" / "wm.nii.gz", own_wm, rng.uniform(-5, 5))
        save(folder / "lesions" / f"sub-{number:02d}.nii.gz", (rng.random(SHAPE) < 0.02) & own_wm)
        save(folder / "regions" / f"sub-{number:02d}.nii.gz", own_regions)
    return folder


def command(name: str, inputs: Path, out: Path) -> list[str]:
    if name == "parcellate":
        atlas = ["--atlas-wm", str(inputs / "atlas_wm.nii.gz"), "--atlas-labels", str(inputs / "atlas_labels.nii.gz")]
        options = [*atlas, "--cohort", str(inputs / "cohort"), "--no-picture"]
    else:
        options = ["--lesions", str(inputs / "lesions"), "--regions", str(inputs / "regions"), "--maps", "--bids"]
    return [sys.executable, "-m", f"yucca_wm.{name}", *options, "--out-dir", str(out), "--jobs", "2"]


def run(name: str, inputs: Path, out: Path) -> None:
    environment = {**os.environ, "LOKY_MAX_CPU_COUNT": "2"}
    done = subprocess.run(command(name, inputs, out), capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def contents(out: Path) -> dict[str, bytes]:
    """Every file, hidden ones too, but the record, which tells the time."""
    paths = (path for path in sorted(out.rglob("*")) if path.is_file() and path.name != RECORD)
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module", params=COMMANDS)
def undisturbed(request: pytest.FixtureRequest, inputs: Path) -> tuple[str, dict[str, bytes]]:
    out = inputs / f"{request.param}_whole"
    run(request.param, inputs, out)
    return request.param, contents(out)


def recorded(out: Path) -> list[str]:
    """Subjects that were done, one for each such line of the record; none may have failed."""
    entries = [json.loads(line) for line in (out / RECORD).read_text().splitlines()]
    assert {entry["state"] for entry in entries} == {"begun", "done"}
    return sorted(entry["subject"] for entry in entries if entry["state"] == "done")


def lines(record: Path) -> int:
    return record.read_bytes().count(b'"state": "done"') if record.is_file() else 0


@pytest.mark.parametrize("number", range(KILLS))
def test_killed_and_resumed(
    undisturbed: tuple[str, dict[str, bytes]], inputs: Path, tmp_path: Path, number: int
) -> None:
    name, expected = undisturbed
    chance = random.Random(f"{name}{number}")
    finished, delay_s = chance.randint(0, SUBJECTS), chance.random() * 0.1
    out = tmp_path / "out"
    environment = {**os.environ, "LOKY_MAX_CPU_COUNT": "2"}
    with subprocess.Popen(
        command(name, inputs, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        while process.poll() is None and lines(out / RECORD) < finished:
            time.sleep(0.002)
        time.sleep(delay_s)
        process.kill()  # its workers are not: they have to notice
    run(name, inputs, out)
    left = contents(out)
    assert list(left) == list(expected)
    assert [file for file in left if left[file] != expected[file]] == []
    assert recorded(out) == [f"sub-{subject:02d}" for subject in range(SUBJECTS)], "each once"


def test_on_dask_with_a_worker_killed_in_mid_run(
    undisturbed: tuple[str, dict[str, bytes]], inputs: Path, tmp_path: Path, dask_cluster: tuple[str, list[Any]]
) -> None:
    name, expected = undisturbed
    address, workers = dask_cluster
    out = tmp_path / "out"
    with subprocess.Popen(
        [*command(name, inputs, out)[:-2], "--scheduler", address],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while process.poll() is None and lines(out / RECORD) < SUBJECTS // 3:
            time.sleep(0.002)
        assert process.poll() is None
        lost = workers.pop()
        lost.kill()
        lost.wait()
        assert name == "localize" or lines(out / RECORD) < SUBJECTS, "all was done before the worker was killed"
        _, err = process.communicate()
    assert process.returncode == 0, err[-3000:]
    assert contents(out) == expected
    assert recorded(out) == [f"sub-{subject:02d}" for subject in range(SUBJECTS)], "each once"
