"""The paper's chain as commands, with the settings of the demo."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from yucca_wm.core.hardware import bf16_is_fast
from yucca_wm.demo.runner import Step
from yucca_wm.tasks.definition import TASKS

LESION_TASK, LESION_T1, LESION_FLAIR, REGION_TASK, REGION_T1, REGION_FLAIR = TASKS


@dataclass(frozen=True)
class Training:
    """How one model is trained: flags of yucca_train, and the seconds it takes on two cores without a GPU.

    all_cores : the longest training takes every core, also while another step runs.
    epochs_bf16 : epochs on a CPU with fast bfloat16; they take about as long as ``epochs`` elsewhere.
    """

    dimensions: str
    model: str
    patch_size: tuple[int, ...]
    batch_size: int
    epochs: int
    batches_per_epoch: int
    validation_batches: int
    learning_rate: float
    manager: str = "YuccaManager"
    expected_s: float = 60.0
    all_cores: bool = False
    epochs_bf16: int = 0

    def model_flags(self) -> tuple[str, ...]:
        """Flags that name the model, for training and inference alike."""
        manager = () if self.manager == "YuccaManager" else ("-man", self.manager)
        return ("-d", self.dimensions, "-m", self.model, *manager)

    def flags(self) -> tuple[str, ...]:
        """All flags of yucca_train except the task."""
        sizes = tuple(str(size) for size in self.patch_size)
        fast = self.epochs_bf16 > 0 and bf16_is_fast()
        epochs = self.epochs_bf16 if fast else self.epochs
        return (
            *self.model_flags(),
            *(("--precision", "bf16-mixed") if fast else ()),
            *("--epochs", str(epochs), "--train_batches_per_step", str(self.batches_per_epoch)),
            *("--val_batches_per_step", str(self.validation_batches), "--batch_size", str(self.batch_size)),
            *("--patch_size", *sizes, "--lr", f"{self.learning_rate:g}", "--num_workers", "0"),
        )

    def results(self, root: Path, target: str, source: str) -> Path:
        """Output folder of yucca_inference."""
        folder = root / target / source / f"{self.model}__{self.dimensions}" / f"{self.manager}__YuccaPlanner"
        return folder / "default" / "kfold_5_fold_0" / "version_0" / "best"


@dataclass(frozen=True)
class Settings:
    """Size of the demo."""

    train: int
    test: int
    lesions: Training
    regions: Training
    coarse: bool = False


FULL = Settings(
    train=12,
    test=4,
    lesions=Training("2D", "UNet", (48, 32), 4, 24, 40, 6, 0.03, expected_s=330, epochs_bf16=30),
    regions=Training(
        "3D",
        "MultiResUNet",
        (32, 48, 32),
        1,
        14,
        40,
        4,
        0.05,
        manager="YuccaManager_SkeletonLoss",
        expected_s=650,
        all_cores=True,
        epochs_bf16=26,
    ),
)
"""Tuned for two CPU cores: done within 19 minutes, and good enough to look at."""

QUICK = Settings(
    train=6,
    test=2,
    lesions=Training("2D", "UNet", (32, 32), 2, 1, 2, 1, 0.02, expected_s=10),
    regions=Training(
        "3D", "MultiResUNet", (32, 32, 32), 1, 1, 2, 1, 0.05, manager="YuccaManager_SkeletonLoss", expected_s=12
    ),
    coarse=True,
)
"""Every command runs; the models learn nothing."""


def environment(out: Path) -> dict[str, str]:
    """Yucca's folders, all inside ``out``, and the seed of its training runs."""
    root = out / "yucca"
    return {
        "YUCCA_SOURCE": str(out / "cohort"),
        "YUCCA_RAW_DATA": str(root / "raw_data"),
        "YUCCA_PREPROCESSED_DATA": str(root / "preprocessed_data"),
        "YUCCA_MODELS": str(root / "models"),
        "YUCCA_RESULTS": str(root / "results"),
        "YUCCA_SEED": "0",
    }


def steps(settings: Settings, out: Path, atlas: Path | None = None) -> list[Step]:
    """The commands in the order in which one would type them; ``needs`` states which may run at the same time."""
    return [
        _cohort(settings, out, atlas),
        _parcellate(settings, out),
        *[_convert(task, out) for task in TASKS],
        *_branch("lesions", LESION_TASK, (LESION_T1, LESION_FLAIR), settings.lesions, range(3), out),
        *_branch("regions", REGION_TASK, (REGION_T1, REGION_FLAIR), settings.regions, range(37), out),
        _localize(settings, out),
    ]


def ensemble_folder(out: Path, task: str, training: Training) -> Path:
    """Folder of the merged prediction of T1 and FLAIR."""
    return out / "yucca" / "results" / task / "Ensemble" / f"{training.dimensions}_{training.model}"


def _cohort(settings: Settings, out: Path, atlas: Path | None) -> Step:
    options: tuple[str, ...] = ("--train", str(settings.train), "--test", str(settings.test))
    options += ("--coarse",) if settings.coarse else ()
    options += ("--atlas", str(atlas)) if atlas else ()
    command = ("python", "-m", "yucca_wm.demo.make_cohort", "--out", str(out), *options)
    made = (out / "cohort", out / "truth", out / "atlas")
    return Step("cohort", "synthetic cohort", command, makes=made, expected_s=20 if settings.coarse else 45)


def _parcellate(settings: Settings, out: Path) -> Step:
    atlas = out / "atlas"
    command: tuple[str, ...] = ("python", "-m", "yucca_wm.parcellate", "--cohort", str(out / "cohort"))
    command += ("--atlas-wm", str(atlas / "wm.nii.gz"), "--atlas-labels", str(atlas / "regions.nii.gz"))
    command += ("--names", str(atlas / "regions.tsv"), "--jobs", "2")
    command += () if settings.coarse else ("--transform", "deformable")
    made = (out / "cohort" / "derivatives",)
    expected_s = 15 if settings.coarse else 60
    return Step("parcellate", "region labels by registration", command, ("cohort",), made, expected_s)


def _convert(task: str, out: Path) -> Step:
    command = ("yucca_convert_task", "-t", task, "-p", str(out / "cohort"))
    needs = ("cohort",) if "Lesion" in task else ("parcellate",)
    made = (out / "yucca" / "raw_data" / task,)
    return Step(f"convert-{task[:7]}", f"raw task {task}", command, needs, made, expected_s=6)


def _branch(
    what: str, task: str, targets: tuple[str, ...], training: Training, classes: range, out: Path
) -> list[Step]:
    """Preprocess, train, infer on T1 and FLAIR, merge, evaluate."""
    yucca, results = out / "yucca", out / "yucca" / "results"
    merged = ensemble_folder(out, task, training)
    truth = yucca / "raw_data" / task / "labelsTs"
    found = [training.results(results, target, task) for target in targets]
    preprocess = ("yucca_preprocess", "-t", task)
    train = ("yucca_train", "-t", task, *training.flags())
    merge = ("yucca_ensemble", "--in_dirs", *map(str, found), "--out_dir", str(merged))
    evaluate = ("yucca_evaluation", "--pred", str(merged), "--gt", str(truth), "-c", *map(str, classes))
    name = f"{training.dimensions} {training.model}"
    infer = [
        Step(
            f"infer-{what}-{modality}",
            f"{what}: inference on {modality}",
            ("yucca_inference", "-t", target, "-s", task, *training.model_flags(), "--save_softmax"),
            (f"train-{what}", f"convert-{target[:7]}"),
            (results / target,),
            15,
        )
        for target, modality in zip(targets, ("T1", "FLAIR"), strict=True)
    ]
    pre = f"preprocess-{what}"
    threads = (os.cpu_count() or 1) if training.all_cores else 0
    return [
        Step(
            pre, f"{what}: preprocess", preprocess, (f"convert-{task[:7]}",), (yucca / "preprocessed_data" / task,), 12
        ),
        Step(
            f"train-{what}",
            f"{what}: train {name}",
            train,
            (pre,),
            (yucca / "models" / task,),
            training.expected_s,
            threads,
        ),
        *infer,
        Step(f"ensemble-{what}", f"{what}: merge T1 and FLAIR", merge, tuple(s.name for s in infer), (merged,), 8),
        Step(f"evaluate-{what}", f"{what}: evaluate", evaluate, (f"ensemble-{what}",), (), 8),
    ]


def _localize(settings: Settings, out: Path) -> Step:
    lesions = ensemble_folder(out, LESION_TASK, settings.lesions)
    regions = ensemble_folder(out, REGION_TASK, settings.regions)
    command: tuple[str, ...] = (
        "python",
        "-m",
        "yucca_wm.localize",
        "--lesions",
        str(lesions),
        "--regions",
        str(regions),
    )
    command += ("--names", str(out / "atlas" / "regions.tsv"), "--out_dir", str(out / "localize"))
    needs = ("ensemble-lesions", "ensemble-regions")
    return Step("localize", "lesion load per region", command, needs, (out / "localize",), 6)
