"""Evaluation compares what belongs together.

Patches ``YuccaEvaluator.sanity_checks`` (yucca/pipeline/evaluation/YuccaEvaluator.py).
Symptom: lesion maps scored against region labels exit 0 with numbers that mean nothing (lesion classes 1 and 2 against
regions 1 and 2); where cases are missing, the message does not say which, and two empty folders pass.
Cure: predictions and labels from the folders of tasks with different labels are refused, and missing cases are named.
"""

from __future__ import annotations

import json
from functools import wraps
from pathlib import Path
from typing import Any


def difference(predictions: list[str], truth: list[str]) -> str | None:
    """Cases missing on either side, in one line; None if both hold the same cases."""
    if extra := sorted(set(predictions) - set(truth)):
        return f"no ground truth for {_some(extra)}"
    if absent := sorted(set(truth) - set(predictions)):
        return f"no prediction for {_some(absent)}"
    return None


def task_labels(folder: str, raw_data: str) -> tuple[str, dict[str, str]] | None:
    """(task, its labels) of the first ``Task...`` folder in a path that has a dataset.json; None without one."""
    for part in Path(folder).parts:
        file = Path(raw_data) / part / "dataset.json"
        if part.startswith("Task") and file.is_file():
            return part, json.loads(file.read_text(encoding="utf-8"))["labels"]
    return None


def apply(module: Any) -> bool:
    """Patch ``YuccaEvaluator.sanity_checks`` to refuse folders of different tasks and to name missing cases."""
    evaluator = module.YuccaEvaluator
    plain = evaluator.sanity_checks

    @wraps(plain)
    def sanity_checks(self: Any) -> None:
        if not self.pred_subjects:
            raise SystemExit(f"error: {self.folder_with_predictions}: holds no predictions")
        if problem := difference(self.pred_subjects, self.gt_subjects):
            raise SystemExit(f"error: {self.folder_with_predictions}: {problem} ({self.folder_with_ground_truth})")
        raw_data = module.get_raw_data_path()
        predicted = task_labels(self.folder_with_predictions, raw_data)
        truth = task_labels(self.folder_with_ground_truth, raw_data)
        if predicted and truth and predicted[1] != truth[1]:
            raise SystemExit(
                f"error: predictions of {predicted[0]} against labels of {truth[0]}: these tasks have different labels"
            )
        plain(self)

    evaluator.sanity_checks = sanity_checks
    return True


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
