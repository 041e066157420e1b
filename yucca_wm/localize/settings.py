"""The choices that every number of a localization depends on, written into its outputs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, get_args

from yucca_wm.core.lesion_maps import ALL, OTHER_PATHOLOGY, LesionLabels
from yucca_wm.localize.components import Connectivity

SIZE_TOLERANCE = 0.01
"""Share of a voxel by which a lesion may miss the minimum size: voxel sizes in headers jitter at 1e-4, and two
subjects of one protocol must be treated alike."""


@dataclass(frozen=True)
class Settings:
    """How lesions are counted.

    lesion_labels : labels of the lesion map that count as lesion; ``("all",)``: every label that is not ignored.
    ignored_labels : labels that may occur in it and do not count (2 is "other pathology" in Task001).
    connectivity : 6, 18 or 26 neighbours make one lesion.
    min_size_mm3 : smaller lesions are removed before anything is measured; 0 keeps all.
    assign_outside_mm : also give lesion voxels outside every region to the nearest region within this distance;
        0 does not.
    resample : bring region maps on another grid to the lesion map's, nearest neighbour, instead of refusing them.
    threshold : probability from which a voxel of a lesion probability map is lesion; None: maps hold labels.
    """

    lesion_labels: tuple[int | str, ...] = (1,)
    ignored_labels: tuple[int, ...] = (OTHER_PATHOLOGY,)
    connectivity: Connectivity = 26
    min_size_mm3: float = 3.0
    assign_outside_mm: float = 0.0
    resample: bool = False
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.connectivity not in get_args(Connectivity):
            raise ValueError(f"connectivity is {self.connectivity}, not one of {get_args(Connectivity)}")
        if not self.lesion_labels or min(self.labels.counted or (1,)) < 1:
            raise ValueError("lesion labels are whole numbers from 1")
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise ValueError("the threshold of a probability lies between 0 and 1")
        if self.threshold is not None and self.lesion_labels != (1,):
            raise ValueError("a probability map that is cut at a threshold has no other lesion label than 1")
        for name in ("min_size_mm3", "assign_outside_mm"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is negative or not finite")

    @classmethod
    def stated(cls, values: dict[str, Any]) -> Settings:
        """The settings written in ``localize.json``."""
        given: dict[str, Any] = {
            name: tuple(entry) if isinstance(entry, list) else entry for name, entry in values.items()
        }
        return cls(**given)

    @property
    def labels(self) -> LesionLabels:
        """How lesion maps are read."""
        counted = tuple(label for label in self.lesion_labels if isinstance(label, int))
        return LesionLabels(None if ALL in self.lesion_labels else counted, self.ignored_labels, self.threshold)

    def min_voxels(self, voxel_volume_mm3: float) -> int:
        """Smallest number of voxels that reaches ``min_size_mm3``, at least 1."""
        return max(1, math.ceil(self.min_size_mm3 / voxel_volume_mm3 - SIZE_TOLERANCE))
