"""Table of the patches to Yucca: one module per defect, applied when the Yucca module concerned is imported.

Each fix module states in its docstring which line of Yucca it patches, the symptom and the cure, and defines
``apply(module) -> bool``. It tests for the defect itself, not for a version: in a Yucca without the defect, ``apply``
changes nothing and returns False, and the canary test of that fix reports it.
"""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType

FIXES: dict[str, str] = {
    # fix module: the Yucca module concerned
    "lookup": "yucca.functional.utils.files_and_folders",
    "managers": "yucca.pipeline.managers",
    "task_conversion": "yucca.pipeline.task_conversion",
    "paths": "yucca.paths",
    "task_name": "yucca.pipeline.task_conversion.utils",
    "checkpoints": "yucca.pipeline.managers.YuccaManager",
    "precision": "yucca.pipeline.managers.YuccaManager",
    "wandb_training": "yucca.pipeline.configuration.configure_callbacks",
    "wandb_evaluation": "yucca.pipeline.evaluation.YuccaEvaluator",
    "evaluation_cases": "yucca.pipeline.evaluation.YuccaEvaluator",
    "evaluation_paths": "yucca.pipeline.run.run_evaluation",
    "folds": "yucca.pipeline.configuration.split_data",
    "dotted_paths": "yucca.functional.utils.loading",
    "lesion_free": "yucca.pipeline.planning.dataset_properties",
    "seed": "yucca.pipeline.configuration.configure_seed",
    "fold_at_inference": "yucca.pipeline.run.run_inference",
    "model_at_inference": "yucca.pipeline.run.run_inference",
    "hparams": "yucca.modules.callbacks.loggers",
    "softmax_batch": "yucca.functional.utils.softmax",
    "saving": "yucca.functional.utils.saving",
    "sliding_window": "yucca.modules.networks.networks.YuccaNet",
    "prediction_step": "yucca.modules.lightning_modules.BaseLightningModule",
    "stale_predictions": "yucca.pipeline.managers.YuccaManager",
    "stale_evaluation": "yucca.pipeline.evaluation.YuccaEvaluator",
    "ensemble_command": "yucca.pipeline.run.run_ensemble",
    "manager_defaults": "yucca.pipeline.managers.YuccaManager",
    "finetuning": "yucca.pipeline.managers.YuccaManager",
    "model_names": "yucca.pipeline.run.run_training",
    "devices": "yucca.pipeline.run.run_training",
    "network_summary": "yucca.modules.lightning_modules.YuccaLightningModule",
    "memory_estimate": "yucca.modules.networks.utils.model_memory_estimation",
    "run_log": "yucca.pipeline.configuration.configure_callbacks",
    "metrics_log": "yucca.modules.callbacks.loggers",
    "settings_check": "yucca.pipeline.managers.YuccaManager",
    "strict_weights": "yucca.modules.lightning_modules.BaseLightningModule",
    "validation_output": "yucca.modules.lightning_modules.BaseLightningModule",
    "dice_metrics": "yucca.modules.metrics.training_metrics",
}

status: dict[str, str] = {}
"""State of each fix in this process: "applied", "not needed", or "failed: reason"."""


def apply_fixes(module: ModuleType) -> None:
    """Apply every fix for ``module``; one that fails warns once and leaves Yucca unchanged."""
    for fix, concerned in FIXES.items():
        if concerned != module.__name__:
            continue
        try:
            applied = importlib.import_module(f"{__name__}.{fix}").apply(module)
            status[fix] = "applied" if applied else "not needed"
        except Exception as error:  # noqa: BLE001  (a defect in a fix must not take Yucca down)
            status[fix] = f"failed: {type(error).__name__}: {error}"
            warnings.warn(f"yucca-wm: fix '{fix}' of {module.__name__} {status[fix]}", RuntimeWarning, stacklevel=2)
