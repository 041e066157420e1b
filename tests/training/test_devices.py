"""``yucca_train --devices 2``: two processes, one version folder, one set of weights."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from yucca.pipeline.task_conversion.utils import generate_dataset_json

TASK = "Task901_Balls"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A preprocessed task of six small images."""
    raw = tmp_path / "raw" / TASK
    for folder in ("imagesTr", "labelsTr", "imagesTs", "labelsTs"):
        (raw / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(6):
        label = np.zeros((20, 20, 6), np.uint8)
        label[5 + index : 13 + index, 6:14, 1:5] = 1
        image = (label + rng.normal(0, 0.3, label.shape)).astype(np.float32)
        nib.save(nib.Nifti1Image(image, np.eye(4)), raw / "imagesTr" / f"ball{index}_000.nii.gz")
        nib.save(nib.Nifti1Image(label, np.eye(4)), raw / "labelsTr" / f"ball{index}.nii.gz")
    names = {0: "background", 1: "ball"}
    folders = (str(raw / "dataset.json"), str(raw / "imagesTr"), str(raw / "imagesTs"))
    generate_dataset_json(*folders, ("T1",), labels=names, dataset_name=TASK, license="synthetic")
    places = {f"YUCCA_{n}": str(tmp_path / n.lower()) for n in ("PREPROCESSED_DATA", "MODELS", "RESULTS")}
    places |= {"YUCCA_RAW_DATA": str(raw.parent), "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    given = os.environ | places | {"CUDA_VISIBLE_DEVICES": ""}
    run(given, "yucca_preprocess", "-t", TASK)
    return given


def run(environment: dict[str, str], command: str, *arguments: str) -> str:
    program = Path(sys.executable).with_name(command)
    done = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.mark.chain
def test_two_processes_train_one_model(environment: dict[str, str], tmp_path: Path) -> None:
    flags = ("-d", "2D", "-m", "TinyUNet", "-man", "YuccaManager_SkeletonLoss", "--epochs", "2", "--batch_size", "2")
    flags += (
        "--train_batches_per_step",
        "2",
        "--val_batches_per_step",
        "1",
        "--patch_size",
        "16",
        "--num_workers",
        "0",
    )
    flags += ("--devices", "2", "--new_version")
    earlier = tmp_path / "models" / TASK / "TinyUNet__2D" / "YuccaManager_SkeletonLoss__YuccaPlanner" / "default"
    earlier = earlier / "kfold_5_fold_0" / "version_0"
    earlier.mkdir(parents=True)
    said = run(environment, "yucca_train", "-t", TASK, *flags)
    assert "GLOBAL_RANK: 1, MEMBER: 2/2" in said
    version = earlier.with_name("version_1")
    with (version / "metrics.csv").open(newline="") as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == ["0", "1"]
    assert (version / "checkpoints" / "best.ckpt").is_file()
    assert sorted(earlier.parent.glob("version_*")) == [earlier, version]
