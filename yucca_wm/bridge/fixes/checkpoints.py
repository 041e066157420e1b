"""Yucca's own checkpoints can be loaded again.

Concerns ``YuccaManager.predict_folder`` and ``run_training`` (yucca/pipeline/managers/YuccaManager.py), which hand the
checkpoint's path to Lightning.
Symptom: Lightning loads with ``weights_only=True`` (the default since torch 2.6) and refuses:
"Unsupported global: GLOBAL int", because the hyperparameters hold the type ``int`` as the label's type.
Cure: ``int`` is declared safe; everything else stays refused, so that a checkpoint still cannot run code.
"""

from __future__ import annotations

import io
import pickle
from typing import Any


def apply(module: Any) -> bool:  # noqa: ARG001
    """Declare ``int`` safe for torch's weights-only reader; False if it is already."""
    import torch

    buffer = io.BytesIO()
    torch.save({"label_dtype": int}, buffer)
    buffer.seek(0)
    try:
        torch.load(buffer, weights_only=True)
    except pickle.UnpicklingError:
        torch.serialization.add_safe_globals([int])
        return True
    return False
