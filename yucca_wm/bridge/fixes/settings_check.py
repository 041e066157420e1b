"""Settings that cannot be right end in one line before anything is loaded.

Concerns ``YuccaManager.__init__`` and ``find_classes_recursively`` (yucca/pipeline/managers/YuccaManager.py).
Symptom: ``--precision 16`` without a GPU silently becomes bfloat16, many times slower; ``-ds`` with a network that has
one output ends in "Index tensor must have the same number of dimensions as self tensor".
Cure: both are refused with the remedy.
"""

from __future__ import annotations

import inspect
from functools import wraps
from typing import Any

from yucca_wm.bridge.fixes.precision import has_gpu
from yucca_wm.training.registry import NETWORKS


def apply(module: Any) -> bool:
    """Patch ``YuccaManager`` to refuse a precision or deep supervision that cannot work."""
    manager = module.YuccaManager
    plain_init, plain_find = manager.__init__, manager.find_classes_recursively

    @wraps(plain_init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        plain_init(self, *args, **kwargs)
        if str(self.precision) in ("16", "16-mixed", "16-true") and not has_gpu():
            raise SystemExit(f"error: --precision {self.precision} needs a GPU and finds none: leave it out, or use 32")

    @wraps(plain_find)
    def find_classes_recursively(self: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        model, loss, preprocessor = plain_find(self, *args, **kwargs)
        if self.deep_supervision and "deep_supervision" not in inspect.signature(model).parameters:
            able = [name for name, network in NETWORKS.items() if network.deep_supervision]
            others = [name for name in able if not name.startswith("MedNeXt") and name != self.model_name]
            problem = f"{self.model_name} has no outputs for deep supervision"
            raise SystemExit(f"error: {problem}: leave out -ds, or choose {', '.join(others)} or a MedNeXt")
        return model, loss, preprocessor

    manager.__init__, manager.find_classes_recursively = __init__, find_classes_recursively
    return True
