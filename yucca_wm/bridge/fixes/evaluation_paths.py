"""``yucca_evaluation --pred P --gt G -c 0 1 2`` works without naming tasks.

Patches ``main`` (yucca/pipeline/run/run_evaluation.py).
Symptom: ``-s`` and ``-t`` are looked up even when both folders are given: "LookupError: Task None not found".
Cure: a task that was not named is not looked up.
"""

from __future__ import annotations

from functools import wraps
from typing import Any


def apply(module: Any) -> bool:
    """Patch ``get_task_from_task_id`` in ``run_evaluation`` not to look up a task that was not named."""
    plain = module.get_task_from_task_id

    @wraps(plain)
    def get_task_from_task_id(task_id: str | None, stage: str) -> str | None:
        return None if task_id is None else plain(task_id, stage)

    module.get_task_from_task_id = get_task_from_task_id
    return True
