"""Labels of lesion maps in the WMH challenge and in Task001, and the overlap of masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LESION = 1
"""White-matter lesion."""

OTHER_PATHOLOGY = 2
"""May occur, but is not white-matter lesion."""


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Dice overlap (0..1) of two masks [i, j, k]; 1 if both are empty."""
    total = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / total if total else 1.0
