"""Benefit of a few masks of one's own: a shipped lesion model unchanged, fine-tuned, and a network from scratch.

    python benchmarks/finetune.py --data ../shared/data/real --out DIR [--epochs N] [--json]

Eight people of `nichart` with their lesion masks (another tool's, `DLWMLS`) are used for training, four others for
testing, with their FLAIR at 2 mm. Fine-tuning starts from ``tissue_painted``, which learned from painted planes alone;
``tissue`` was already trained on those eight people. Training, fine-tuning and inference are Yucca's commands, with the
same number of steps, the same network and plan; the shipped model is applied as in `predict`, alone and as the mean
that `predict` takes. Networks see the brain, as found by the shipped region model, and what lies within 5 mm of it.
A run started again in the same folder is resumed. Each of the two trainings takes ten minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from yucca_wm.core.files import make_folder, write_text
from yucca_wm.demo.chain import environment
from yucca_wm.demo.runner import Runner, Step
from yucca_wm.imaging.images import load, load_labels, resample, save
from yucca_wm.imaging.labels import dice
from yucca_wm.models.brain import find_brain
from yucca_wm.models.canonical import Canonical
from yucca_wm.models.segment import Networks, segment
from yucca_wm.models.shipped import networks
from yucca_wm.models.tissue import AROUND_MM, _masks

TRAIN = ("Subj1", "Subj3", "Subj4", "Subj7", "Subj9", "Subj10", "Subj11", "Subj12")
TEST = ("Subj2", "Subj13", "Subj14", "Subj15")
"""People on whom the shipped models were not trained."""

PLAN, FOLDS = "YuccaPlanner_Volume_1mm", ("--split_data_method", "kfold", "--split_data_param", "8")
BATCHES = 50
TRAINED_ON, TESTED_ON = "Task001_WM_Lesion", "Task003_WM_Lesion_FLAIR"
ARMS = {"fine-tuned": "yucca_finetune", "from scratch": "yucca_train"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the real scans")
    parser.add_argument("--out", type=Path, required=True, help="folder to work in and to go on in")
    parser.add_argument("--epochs", type=int, default=6, help=f"of {BATCHES} steps of 4 (default: 6)")
    parser.add_argument("--lr", default="1e-2", help="of both trainings (default: 1e-2)")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS), help="(default: both)")
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    options = parser.parse_args()
    out = make_folder(options.out.resolve())
    people = options.data / "nichart"
    write_cohort(people, out / "cohort")
    steps = preparation(out)
    results = {}
    for arm in options.arms:
        more, results[arm] = training(arm, out, options.epochs, options.lr)
        steps += more
    programs = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "MPLBACKEND": "Agg"}
    runner = Runner(out, environment(out), programs, jobs=1)
    runner.run(steps)
    alone, both = painted_alone(), networks("cpu")
    rows = {name: {"before": found_by(alone, people / name), "predict": found_by(both, people / name)} for name in TEST}
    for name, row in rows.items():
        truth = load_labels(people / name / "DLWMLS.nii.gz")
        for arm, folder in results.items():
            found = load_labels(folder / f"{name}.nii.gz")
            row[arm] = dice(resample(found, truth).data == 1, truth.data > 0)
        row["true_ml"] = float((truth.data > 0).sum() * truth.voxel_volume_mm3 / 1000)
    columns = ["before", *options.arms, "predict", "true_ml"]
    rows["mean"] = {column: float(np.mean([rows[name][column] for name in TEST])) for column in columns}
    print("\t".join(["Dice", *columns]))
    for name, row in rows.items():
        print("\t".join([name, *(f"{row[column]:.3f}" for column in columns)]))
    if options.json:
        print(json.dumps({"rows": rows, "train": TRAIN, "steps": options.epochs * BATCHES, "seconds": runner.seconds}))
    return 0


def write_cohort(people: Path, folder: Path) -> None:
    """Write FLAIRs without voxels outside the brain and its surroundings, and the table of training and test people."""
    lines = ["subject\tflair\tlesions\tsplit"]
    for name in (*TRAIN, *TEST):
        target = make_folder(folder / name) / "FLAIR.nii.gz"
        if not target.is_file():
            flair = load(people / name / "FLAIR.nii.gz")
            grid = Canonical.of(flair)
            scan = np.ascontiguousarray(grid.reordered(flair.data), dtype=np.float32)
            brain, _ = find_brain(networks("cpu").regions, {"FLAIR": scan}, grid)
            _, distance_mm = _masks(brain, grid)
            save(flair.with_data(grid.restored(np.where(distance_mm <= AROUND_MM, scan, 0))), target)
        mask = (people / name / "DLWMLS.nii.gz").resolve()
        lines.append(f"{name}\t{target.relative_to(folder)}\t{mask}\t{'train' if name in TRAIN else 'test'}")
    write_text(folder / "cohort.tsv", "\n".join(lines) + "\n")


def preparation(out: Path) -> list[Step]:
    convert = [
        Step(task, task, ("yucca_convert_task", "-t", task, "-p", str(out / "cohort")))
        for task in (TRAINED_ON, TESTED_ON)
    ]
    preprocess = ("yucca_preprocess", "-t", TRAINED_ON, "-pl", PLAN)
    return [*convert, Step("preprocess", f"preprocess with {PLAN}", preprocess, (TRAINED_ON,))]


def training(arm: str, out: Path, epochs: int, rate: str) -> tuple[list[Step], Path]:
    """The steps of one arm, and the folder of its predictions."""
    experiment = f"{arm.replace(' ', '_')}_{epochs}_{rate}"
    shared = ("--experiment", experiment, *FOLDS)
    size = f"--batch_size 4 --patch_size 160 160 --num_workers 0 --lr {rate} --epochs {epochs}".split()
    size += f"--train_batches_per_step {BATCHES} --val_batches_per_step 5 --disable_logging".split()
    train: tuple[str, ...] = (ARMS[arm], "-t", TRAINED_ON, "-pl", PLAN, *size, *shared)
    train += ("-chk", "yucca_wm:tissue_painted") if arm == "fine-tuned" else ("-d", "2D", "-m", "CompactUNet")
    place = Path("CompactUNet__2D") / f"YuccaManager__{PLAN}" / experiment
    infer: tuple[str, ...] = ("yucca_inference", "-s", TRAINED_ON, "-t", TESTED_ON, "-d", "2D", "-m", "CompactUNet")
    infer += ("-pl", PLAN, *shared, "-chk", "last", "--no_eval")
    made = out / "yucca" / "models" / TRAINED_ON / place
    steps = [
        Step(experiment, arm, train, ("preprocess",), (made,), expected_s=600, threads=1),
        Step(f"{experiment}-infer", f"{arm}: inference", infer, (experiment, TESTED_ON), expected_s=60, threads=1),
    ]
    return steps, out / "yucca" / "results" / TESTED_ON / TRAINED_ON / place / "kfold_8_fold_0" / "version_0" / "last"


def painted_alone() -> Networks:
    """Starting model of fine-tuning, with the network that finds the brain."""
    shipped = networks("cpu")
    return Networks(shipped.regions, shipped.tissue.networks[-1])  # type: ignore[attr-defined]


def found_by(models: Networks, person: Path) -> float:
    """Dice of the lesions found on the FLAIR."""
    truth = load_labels(person / "DLWMLS.nii.gz")
    return dice(segment(models, {"FLAIR": load(person / "FLAIR.nii.gz")}).lesions > 0, truth.data > 0)


if __name__ == "__main__":
    sys.exit(main())
