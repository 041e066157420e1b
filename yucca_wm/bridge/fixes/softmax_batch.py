"""The softmax of a batch of more than one is right.

Patches ``softmax`` (yucca/functional/utils/softmax.py).
Symptom: maximum and sum lose their axis, so that they are broadcast along the wrong one unless the batch is one.
Cure: the axis is kept.
"""

from __future__ import annotations

from typing import Any


def apply(module: Any) -> bool:
    """Replace ``softmax`` by one that keeps the axis; False if it is right already."""
    import numpy as np

    try:
        if np.allclose(module.softmax(np.zeros((2, 3, 1))), 1 / 3):
            return False
    except ValueError:
        pass

    def softmax(x: Any, axis: int = 1) -> Any:
        """Softmax along ``axis``."""
        exponentials = np.exp(x - np.max(x, axis=axis, keepdims=True))
        return exponentials / exponentials.sum(axis=axis, keepdims=True)

    module.softmax = softmax
    return True
