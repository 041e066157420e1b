"""Evaluation does not need Weights & Biases.

Patches ``YuccaEvaluator.update_streamtable`` (yucca/pipeline/evaluation/YuccaEvaluator.py).
Symptom: after the scores are written, ``yucca_evaluation`` and ``yucca_inference`` fail: ``weave.monitoring`` no
longer exists, and without a login wandb asks for one.
Cure: the upload happens only where it is wanted and can be done; otherwise the scores in the JSON file are the result.
"""

from __future__ import annotations

import importlib.util
import sys
from functools import wraps
from typing import Any

from yucca_wm.bridge.fixes.wandb_training import wandb_wanted


def apply(module: Any) -> bool:
    """Patch ``YuccaEvaluator.update_streamtable`` to upload only where that is wanted and possible."""
    evaluator = module.YuccaEvaluator
    plain = evaluator.update_streamtable

    @wraps(plain)
    def update_streamtable(self: Any, results_dict: dict[str, Any]) -> None:
        if not wandb_wanted():
            return
        if importlib.util.find_spec("weave") is None or importlib.util.find_spec("weave.monitoring") is None:
            print("yucca-wm: this version of weave has no stream table; scores are not uploaded", file=sys.stderr)
            return
        plain(self, results_dict)

    evaluator.update_streamtable = update_streamtable
    return True
