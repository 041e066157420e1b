"""Does Yucca show the symptom that a fix cures? Run as a script: prints one JSON object, fix -> True or False.

The tests run it twice, with the start-up hook and without: a symptom that plain Yucca no longer shows means that the
fix can go, and one that it shows with the hook means that the fix does not work.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

SYMPTOMS: dict[str, Callable[[Path], bool]] = {}


def symptom(function: Callable[[Path], bool]) -> Callable[[Path], bool]:
    SYMPTOMS[function.__name__] = function
    return function


@symptom
def paths(folder: Path) -> bool:
    from yucca.paths import get_models_path

    os.environ.pop("YUCCA_MODELS", None)
    os.chdir(folder)
    try:
        return not Path(get_models_path()).is_dir()
    except ValueError:
        return True
    finally:
        os.environ["YUCCA_MODELS"] = str(folder / "models")


@symptom
def lookup(folder: Path) -> bool:  # noqa: ARG001
    import yucca
    from yucca.functional.utils.files_and_folders import recursive_find_python_class

    manager = recursive_find_python_class(
        [str(Path(yucca.__path__[0]) / "pipeline" / "managers")], "YuccaManager_SkeletonLoss", "yucca.pipeline.managers"
    )
    return "alternative_managers" in manager.__module__


@symptom
def managers(folder: Path) -> bool:  # noqa: ARG001
    import yucca.pipeline.managers as package

    return not any((Path(path) / "YuccaManager_SkeletonLoss.py").is_file() for path in package.__path__)


@symptom
def task_conversion(folder: Path) -> bool:  # noqa: ARG001
    import importlib.util

    return importlib.util.find_spec("yucca.pipeline.task_conversion.Task001_WM_Lesion") is None


@symptom
def task_name(folder: Path) -> bool:
    from yucca.pipeline.task_conversion.utils import get_task_from_task_id

    for task in ("Task010_Other", "Task011_Another"):
        (folder / "raw" / task).mkdir(parents=True)
    try:
        get_task_from_task_id("Task01", stage="raw")
    except SystemExit:
        return False
    return True


@symptom
def checkpoints(folder: Path) -> bool:  # noqa: ARG001
    import pickle

    import torch
    import yucca.pipeline.managers.YuccaManager  # noqa: F401

    buffer = io.BytesIO()
    torch.save({"label_dtype": int}, buffer)
    buffer.seek(0)
    try:
        torch.load(buffer, weights_only=True)
    except pickle.UnpicklingError:
        return True
    return False


@symptom
def precision(folder: Path) -> bool:  # noqa: ARG001
    from yucca.pipeline.managers.YuccaManager import YuccaManager

    return YuccaManager().precision != "32-true"


@symptom
def wandb_training(folder: Path) -> bool:
    from yucca.pipeline.configuration import configure_callbacks

    loggers = configure_callbacks.get_loggers(
        ckpt_version_dir=None,
        ckpt_wandb_id=None,
        enable_logging=True,
        wandb_log_model=False,
        project="none",
        save_dir=str(folder / "log"),
        steps_per_epoch=1,
        version_dir=str(folder / "log" / "version_0"),
        version=0,
        run_name=None,
        run_description=None,
        experiment="default",
        wandb_entity=None,
    )
    return any(isinstance(logger, configure_callbacks.WandbLogger) for logger in loggers)


@symptom
def wandb_evaluation(folder: Path) -> bool:
    evaluator = _evaluator(folder, "Task001_WM_Lesion", "Task001_WM_Lesion")
    try:
        evaluator.update_streamtable({})
    except Exception:  # noqa: BLE001
        return True
    return False


@symptom
def evaluation_cases(folder: Path) -> bool:
    evaluator = _evaluator(folder, "Task001_WM_Lesion", "Task004_WM_Location")
    try:
        evaluator.sanity_checks()
    except SystemExit:
        return False
    return True


@symptom
def evaluation_paths(folder: Path) -> bool:  # noqa: ARG001
    from yucca.pipeline.run import run_evaluation

    try:
        return run_evaluation.get_task_from_task_id(None, stage="raw") is not None
    except LookupError:
        return True


@symptom
def folds(folder: Path) -> bool:  # noqa: ARG001
    from yucca.pipeline.configuration.split_data import kfold_split

    cases = np.array([f"{subject}_{modality}" for subject in range(20) for modality in ("FLAIR", "T1")])
    splits = kfold_split(cases, 5)
    return any({c.split("_")[0] for c in s["train"]} & {c.split("_")[0] for c in s["val"]} for s in splits)


@symptom
def fold_at_inference(folder: Path) -> bool:
    import pickle

    from yucca.pipeline.run import run_inference

    (folder / "splits.pkl").write_bytes(pickle.dumps({"kfold": {5: ["fold"]}}))
    return "5" not in run_inference.load_pickle(str(folder / "splits.pkl"))["kfold"]


@symptom
def lesion_free(folder: Path) -> bool:
    import nibabel as nib
    from yucca.pipeline.planning import dataset_properties

    nib.save(nib.Nifti1Image(np.ones((4, 4, 4), np.float32), np.eye(4)), folder / "image.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4), np.uint8), np.eye(4)), folder / "label.nii.gz")
    try:
        result = dataset_properties.process([str(folder / "image.nii.gz"), str(folder / "label.nii.gz")])
    except UnboundLocalError:
        return True
    return result["mean"] != 1


@symptom
def hparams(folder: Path) -> bool:
    from yucca.modules.callbacks.loggers import YuccaLogger

    file = folder / "run" / "version_0" / "hparams.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("config: {plans: here}\n")
    YuccaLogger(disable_logging=True, save_dir=str(folder / "run"), name=None, version=0).finalize("failed")
    return "here" not in file.read_text()


def _evaluator(folder: Path, predicted: str, truth: str):  # type: ignore[no-untyped-def]
    from yucca.pipeline.evaluation.YuccaEvaluator import YuccaEvaluator

    pred, gt = folder / "results" / predicted / "Ensemble", folder / "raw" / truth / "labelsTs"
    for task, labels in (("Task001_WM_Lesion", {"0": "background"}), ("Task004_WM_Location", {"1": "region"})):
        (folder / "raw" / task).mkdir(parents=True, exist_ok=True)
        (folder / "raw" / task / "dataset.json").write_text(json.dumps({"labels": labels}))
    for place in (pred, gt):
        place.mkdir(parents=True, exist_ok=True)
        (place / "1.nii.gz").touch()
    return YuccaEvaluator([0, 1], folder_with_predictions=str(pred), folder_with_ground_truth=str(gt), use_wandb=True)


@symptom
def metrics_batch(folder: Path) -> bool:  # noqa: ARG001
    import torch
    from yucca.modules.metrics.training_metrics import GeneralizedDiceScore

    score = GeneralizedDiceScore(multilabel=False, num_classes=3, include_background=False, weight_type="linear")
    label = torch.arange(12).reshape(1, 1, 3, 4) % 3
    logits = torch.nn.functional.one_hot(label[:, 0], 3).movedim(-1, 1).float()
    try:
        return abs(float(score(logits, label.float())) - 1) > 1e-6
    except RuntimeError:
        return True


def main() -> None:
    warnings.simplefilter("ignore")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("RAW_DATA", "PREPROCESSED_DATA", "RESULTS", "SOURCE"):
            os.environ[f"YUCCA_{name}"] = str(Path(folder) / name.split("_")[0].lower())
        for name, shows in SYMPTOMS.items():
            place = Path(folder)
            found[name] = bool(shows(place))
        os.chdir("/")
    print(json.dumps(found))


if __name__ == "__main__":
    sys.exit(main())
