"""Results older than the predictions they are about are computed again.

Patches ``YuccaEvaluator.run`` (yucca/pipeline/evaluation/YuccaEvaluator.py), which skips when ``results.json`` exists.
Symptom: after new predictions the old figures stay, and the exit code is 0.
Cure: a results file older than any prediction is overwritten.
"""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any


def apply(module: Any) -> bool:
    """Patch ``YuccaEvaluator.run`` to overwrite a results file older than any prediction."""
    evaluator = module.YuccaEvaluator
    plain = evaluator.run

    @wraps(plain)
    def run(self: Any) -> Any:
        results = Path(self.outpath)
        if results.is_file():
            made = results.stat().st_mtime
            folder = Path(self.folder_with_predictions)
            if any((folder / name).stat().st_mtime > made for name in self.pred_subjects):
                self.overwrite = True
        return plain(self)

    evaluator.run = run
    return True
