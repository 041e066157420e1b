"""``yucca_inference --predict_val`` finds the fold however its parameter was typed.

Concerns ``main`` (yucca/pipeline/run/run_inference.py).
Symptom: ``--split_data_param 5`` is text there, while ``splits.pkl`` is keyed by the number 5: KeyError.
Cure: what is read from ``splits.pkl`` answers to the text as well.
"""

from __future__ import annotations

from functools import wraps
from typing import Any


def by_text_too(splits: dict[str, dict[Any, Any]]) -> dict[str, dict[Any, Any]]:
    """``{"kfold": {5: ...}}`` -> ``{"kfold": {5: ..., "5": ...}}``."""
    return {method: drawn | {str(param): folds for param, folds in drawn.items()} for method, drawn in splits.items()}


def apply(module: Any) -> bool:
    """Patch ``load_pickle``, so that the folds in ``splits.pkl`` are also found by text."""
    plain = module.load_pickle
    module.load_pickle = wraps(plain)(lambda file: by_text_too(plain(file)))
    return True
