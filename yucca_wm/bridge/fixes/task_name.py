"""A task's name is taken as it is, or completed only where that is unambiguous.

Patches ``get_task_from_task_id`` (yucca/pipeline/task_conversion/utils.py).
Symptom: an incomplete name falls back to the first task that contains the text in any place: ``-t 1`` may hit
Task001 or Task010, in the order of the file system.
Cure: a text that fits several tasks is refused with their names; a number means the task of that number.
"""

from __future__ import annotations

import os
import re
from functools import wraps
from typing import Any


def complete(task: str, known: list[str]) -> str | None:
    """The task in ``known`` that ``task`` refers to; None if there is none; raises LookupError for several."""
    if task in known:
        return task
    if task.isdigit():
        fitting = [name for name in known if (m := re.match(r"Task(\d+)_", name)) and int(m[1]) == int(task)]
    else:
        fitting = [name for name in known if task.lower() in name.lower()]
    if len(fitting) > 1:
        raise LookupError(f"'{task}' could be {' or '.join(sorted(fitting))}; give the full name")
    return fitting[0] if fitting else None


def apply(module: Any) -> bool:
    """Patch ``get_task_from_task_id`` to complete only unambiguous names."""
    plain = module.get_task_from_task_id
    folders = {
        "raw": module.get_raw_data_path,
        "preprocessed": module.get_preprocessed_data_path,
        "models": module.get_models_path,
    }

    @wraps(plain)
    def get_task_from_task_id(task_id: str | int, stage: str) -> str:
        folder = folders[stage]()
        known = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
        try:
            task = complete(str(task_id), known)
        except LookupError as error:
            raise SystemExit(f"error: {error}") from None
        if task is None:
            shown = ", ".join(known) or "none yet"
            raise SystemExit(f"error: no task '{task_id}' in {folder}; tasks there: {shown}")
        return task

    module.get_task_from_task_id = get_task_from_task_id
    return True
