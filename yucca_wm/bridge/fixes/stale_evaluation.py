"""Results older than the predictions they are about are computed again.

Patches ``YuccaEvaluator.run`` (yucca/pipeline/evaluation/YuccaEvaluator.py), which skips when ``results.json`` exists.
Symptom: after new predictions or corrected labels the old figures stay, and the exit code is 0.
Cure: a results file older than any prediction, or than the truth of one, is overwritten.
"""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any


def apply(module: Any) -> bool:
    """Patch ``YuccaEvaluator.run`` to overwrite a results file older than any prediction or its truth."""
    evaluator = module.YuccaEvaluator
    plain = evaluator.run

    @wraps(plain)
    def run(self: Any) -> Any:
        results = Path(self.outpath)
        if results.is_file():
            made = results.stat().st_mtime
            folders = Path(self.folder_with_predictions), Path(self.folder_with_ground_truth)
            files = [folder / name for folder in folders for name in self.pred_subjects]
            if any(file.stat().st_mtime > made for file in files if file.is_file()):
                self.overwrite = True
        return plain(self)

    evaluator.run = run
    return True
