"""Does every network train under every manager? A table of networks x 2D/3D x managers x deep supervision.

Each cell runs Yucca's own commands on a small synthetic task: ``yucca_train`` (2 steps, validation, checkpoint), then
``yucca_inference`` of one volume with the trained model. ``python benchmarks/training_matrix.py [--quick] [--json]``;
with ``YUCCA_WM_DISABLE=1`` it shows plain Yucca. ``--only TEXT`` runs the cells whose name contains TEXT.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

TASK = "Task901_Shells"
SHAPE = (20, 36, 36)
NETWORKS = ("UNet", "UNetR", "MultiResUNet", "MedNeXt_S_k3", "MedNeXt_L_k5")
PLAIN_NETWORKS = ("UNet", "UNetR", "MultiResUNet", "mednext_s3", "MedNeXt")
MANAGERS = ("YuccaManager", "YuccaManager_SkeletonLoss")
QUICK = ("2D UNet YuccaManager_SkeletonLoss -ds", "3D MultiResUNet YuccaManager_SkeletonLoss -ds")


def write_task(raw: Path, n_train: int = 6) -> None:
    """Write a raw Yucca task: nested shells with four labels, one image each."""
    import nibabel as nib
    import numpy as np
    from yucca.pipeline.task_conversion.utils import generate_dataset_json

    rng = np.random.default_rng(0)
    base = raw / TASK
    for folder in ("imagesTr", "labelsTr", "imagesTs", "labelsTs"):
        (base / folder).mkdir(parents=True)
    axes = np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij")
    for index in range(n_train + 1):
        centre = np.array(SHAPE) / 2 + rng.uniform(-3, 3, 3)
        radius = np.sqrt(sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True)))
        label = np.digitize(-radius, [-16, -13, -9, -4]).astype(np.uint8)
        image = (label + rng.normal(0, 0.3, label.shape)).astype(np.float32)
        kind = "Tr" if index < n_train else "Ts"
        nib.save(nib.Nifti1Image(image, np.eye(4)), base / f"images{kind}" / f"shells{index}_000.nii.gz")
        nib.save(nib.Nifti1Image(label, np.eye(4)), base / f"labels{kind}" / f"shells{index}.nii.gz")
    generate_dataset_json(
        str(base / "dataset.json"),
        str(base / "imagesTr"),
        str(base / "imagesTs"),
        modalities=("T1",),
        labels=dict(enumerate(("background", "shell_1", "shell_2", "shell_3", "core"))),
        dataset_name=TASK,
        license="synthetic",
    )


def command(module: str, *arguments: str) -> None:
    """Run one of Yucca's console commands in this process."""
    import importlib

    sys.argv = [module, *arguments]
    importlib.import_module(f"yucca.pipeline.run.{module}").main()


def cell(name: str, log: str, result: Any) -> None:
    """Train and predict one combination (``"3D UNet YuccaManager -ds"``); in a process of its own."""
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1), os.dup2(out, 2)
    dimensions, network, manager, *ds = name.split()
    chosen = ["-d", dimensions, "-m", network, "-man", manager, "--experiment", "ds" if ds else "plain"]
    command(
        *("run_training", "-t", TASK, *chosen, *ds, "--epochs", "1", "--train_batches_per_step", "2"),
        *("--val_batches_per_step", "1", "--batch_size", "2", "--patch_size", "32", "--num_workers", "0"),
        *("--precision", "32", "--disable_logging", "--new_version"),
    )
    command("run_inference", "-s", TASK, "-t", TASK, *chosen, "--no_eval", "--no_wandb", "--overwrite")
    results = Path(os.environ["YUCCA_RESULTS"]) / TASK / TASK / f"{network}__{dimensions}"
    predictions = results.glob(f"{manager}__*/{'ds' if ds else 'plain'}/*/*/*/*.nii.gz")
    prediction = max(predictions, key=lambda path: path.stat().st_mtime)

    from yucca_wm.imaging.images import load_labels

    result.value = int(load_labels(prediction).data.shape == SHAPE)


def last_error(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Error" in line or "error" in line), "".join(lines[-1:]))[:100]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="two cells only")
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    parser.add_argument("--only", default="", help="cells whose name contains this")
    parser.add_argument("--out", type=Path, help="keep logs and models here (default: a temporary folder)")
    args = parser.parse_args()
    plain = os.environ.get("YUCCA_WM_DISABLE") == "1"
    networks = PLAIN_NETWORKS if plain else NETWORKS
    names = [" ".join(filter(None, c)) for c in product(("2D", "3D"), networks, MANAGERS, ("", "-ds"))]
    names = [name for name in (QUICK if args.quick else names) if args.only in name]
    with tempfile.TemporaryDirectory() as temporary:
        folder = (args.out or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for variable in ("RAW_DATA", "PREPROCESSED_DATA", "MODELS", "RESULTS"):
            os.environ[f"YUCCA_{variable}"] = str(folder / variable.lower())
            (folder / variable.lower()).mkdir(exist_ok=True)
        os.environ["YUCCA_SOURCE"] = str(folder)
        if not (folder / "raw_data" / TASK).exists():
            write_task(folder / "raw_data")
            command("run_preprocessing", "-t", TASK)
        import yucca.pipeline.run.run_inference
        import yucca.pipeline.run.run_training  # noqa: F401  (imported once, before the cells fork)

        passed: dict[str, bool] = {}
        fork = multiprocessing.get_context("fork")
        for name in names:
            log = folder / f"{name.replace(' ', '_')}.log"
            result, started = fork.Value("i", 0), time.monotonic()
            process = fork.Process(target=cell, args=(name, str(log), result))
            process.start()
            process.join()
            passed[name] = bool(result.value)
            said = "trains, validates, predicts" if passed[name] else f"FAILS: {last_error(log)}"
            print(f"{name:48} {time.monotonic() - started:6.1f} s  {said}", flush=True)
    print(f"{sum(passed.values())} of {len(passed)}")
    if args.json:
        print(
            json.dumps(
                {"passed": sum(passed.values()), "of": len(passed), "cells": passed, "pass": all(passed.values())}
            )
        )
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
