"""``yucca_inference`` with options that no model was trained with says which models there are.

Concerns ``main`` (yucca/pipeline/run/run_inference.py).
Symptom: after training with other folds, planner or experiment (``yucca_finetune``: "finetune"), or none at all, a
traceback ends in FileNotFoundError, or in "max() arg is an empty sequence".
Cure: one line with the folders of the task's models, and the options that lead to them.
"""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any

from yucca_wm.core.errors import some_of

MOST_NAMED = 3
OPTIONS = "-m, -d, -man, -pl, --experiment, --split_data_method, --split_data_param, --split_idx"


def apply(module: Any) -> bool:
    """Patch ``subdirs``, which lists the versions of the model asked for."""
    plain = module.subdirs

    @wraps(plain)
    def subdirs(folder: str, *arguments: Any, **keywords: Any) -> Any:
        found = plain(folder, *arguments, **keywords) if Path(folder).is_dir() else []
        if not found:
            raise SystemExit(f"error: {folder}: no trained model there; {_others(Path(folder))}")
        return found

    module.subdirs = subdirs
    return True


def _others(folder: Path) -> str:
    """The models of the same task; ``folder`` lies four levels below it: network, manager, experiment, fold."""
    task = folder.parents[3]
    known = sorted({str(version.parent.relative_to(task)) for version in task.glob("*/*/*/*/version_*")})
    if not known:
        return f"none was trained on {task.name}"
    return f"{task.name} has {some_of(known, MOST_NAMED)} (choose with {OPTIONS})"
