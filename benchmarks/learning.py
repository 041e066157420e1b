"""Does a 2D U-Net learn lesions, does skeleton recall help it, and which normalisation serves it better?

    python benchmarks/learning.py --out DIR [--quick] [--json]

Trains on the demo's synthetic cohort with Yucca's own commands, three seeds each: with the recall term, without it, and
with intensities standardised per volume (``-pl YuccaPlanner_Volume``) instead of Yucca's pooled statistics. The Dice is
that of eight unseen subjects, with softmaxes of T1 and FLAIR merged, after the last epoch, because six small validation
batches choose the best epoch by chance. Passes if one of the three reaches 0.7 on average. Takes three hours
on two cores without a GPU (half of it with ``--epochs 40``); run it again with the same folder to resume. ``--quick``:
two steps of training; shows that it runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from yucca_wm.core.files import nifti_files
from yucca_wm.demo.chain import FULL, QUICK, Training, environment
from yucca_wm.demo.runner import Runner, Step
from yucca_wm.demo.scores import dice
from yucca_wm.imaging.images import check_same_grid, load_labels

TASKS = ("Task001_WM_Lesion", "Task002_WM_Lesion_T1", "Task003_WM_Lesion_FLAIR")
VARIANTS = {
    "with recall": ("YuccaManager_SkeletonLoss", "YuccaPlanner"),
    "without recall": ("YuccaManager_NoSkeletonLoss", "YuccaPlanner"),
    "with recall, per volume": ("YuccaManager_SkeletonLoss", "YuccaPlanner_Volume"),
}
SEEDS, EPOCHS = (0, 1, 2), 80
MIN_DICE = 0.7


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder to work in and to go on in (default: a temporary one)")
    parser.add_argument("--quick", action="store_true", help="one seed, nothing is learned, under 50 s")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"of 40 batches of 4 (default: {EPOCHS})")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help=f"(default: {SEEDS})")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="(default: all)")
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = (options.out or Path(temporary)).resolve()
        out.mkdir(parents=True, exist_ok=True)
        training = (
            QUICK.lesions if options.quick else replace(FULL.lesions, epochs=options.epochs, epochs_bf16=options.epochs)
        )
        chosen = options.variants[:1] if options.quick else options.variants
        variants = {name: VARIANTS[name] for name in chosen}
        seeds = options.seeds[:1] if options.quick else options.seeds
        work, found = _prepare(out, variants, quick=options.quick), {}
        for name, (manager, plan) in variants.items():
            for seed in seeds:
                steps, merged = _run(out, training, manager, plan, seed)
                work += steps
                found[name, seed] = merged
        programs = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "MPLBACKEND": "Agg"}
        Runner(out, environment(out), programs, jobs=1 if options.quick else 2).run(work)
        figures = {name: [_mean_dice(out, found[name, seed]) for seed in seeds] for name in variants}
    for name, values in figures.items():
        print(f"{name}: Dice {', '.join(f'{v:.3f}' for v in values)}; mean {np.mean(values):.3f}")
    passed = options.quick or max(np.mean(values) for values in figures.values()) >= MIN_DICE
    if options.json:
        print(json.dumps({"pass": bool(passed), "dice": figures, "seeds": seeds, "epochs": options.epochs}))
    return 0 if passed else 1


def _prepare(out: Path, variants: dict[str, tuple[str, str]], *, quick: bool) -> list[Step]:
    sizes = ("--train", "6", "--test", "1", "--coarse") if quick else ("--train", "12", "--test", "8")
    cohort = ("python", "-m", "yucca_wm.demo.make_cohort", "--out", str(out), *sizes)
    steps = [Step("cohort", "synthetic cohort", cohort, makes=(out / "cohort", out / "truth", out / "atlas"))]
    for task in TASKS:
        command = ("yucca_convert_task", "-t", task, "-p", str(out / "cohort"))
        steps.append(Step(f"convert-{task[:7]}", task, command, ("cohort",)))
    for plan in dict.fromkeys(plan for _, plan in variants.values()):
        command = ("yucca_preprocess", "-t", TASKS[0], "-pl", plan)
        steps.append(Step(f"preprocess-{plan}", plan, command, ("convert-Task001",)))
    return steps


def _run(out: Path, training: Training, manager: str, plan: str, seed: int) -> tuple[list[Step], Path]:
    """Train, infer and merge one model; returns the steps and the folder of the merged label maps."""
    key = f"{manager}-{plan}-{seed}"
    model: tuple[str, ...] = ("-d", training.dimensions, "-m", training.model, "-man", manager, "-pl", plan)
    model += ("--experiment", f"seed{seed}")
    train = ("env", f"YUCCA_SEED={seed}", "yucca_train", "-t", TASKS[0], *training.flags(), *model)
    steps = [Step(f"train-{key}", f"train {key}", train, (f"preprocess-{plan}",), expected_s=400)]
    results, folders = out / "yucca" / "results", []
    for target in TASKS[1:]:
        infer = ("yucca_inference", "-t", target, "-s", TASKS[0], *model, "-chk", "last", "--save_softmax", "--no_eval")
        needs = (f"train-{key}", f"convert-{target[:7]}")
        steps.append(Step(f"infer-{key}-{target[:7]}", f"{target}: {key}", infer, needs))
        folder = results / target / TASKS[0] / f"{training.model}__{training.dimensions}" / f"{manager}__{plan}"
        folders.append(folder / f"seed{seed}" / "kfold_5_fold_0" / "version_0" / "last")
    merged = results / TASKS[0] / "Ensemble" / key
    merge = ("yucca_ensemble", "--in_dirs", *map(str, folders), "--out_dir", str(merged))
    steps.append(Step(f"ensemble-{key}", f"merge {key}", merge, tuple(s.name for s in steps[1:]), (merged,)))
    return steps, merged


def _mean_dice(out: Path, merged: Path) -> float:
    values = []
    for name, path in nifti_files(merged).items():
        found = load_labels(path)
        true = load_labels(next((out / "cohort").glob(f"test/*/{name}/wmh.nii.gz")))
        check_same_grid(true, found)
        values.append(float(dice(found.data, true.data, range(1, 2))[0]))
    return round(float(np.mean(values)), 4)


if __name__ == "__main__":
    sys.exit(main())
