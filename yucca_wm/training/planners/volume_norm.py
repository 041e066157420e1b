"""Plans that normalise every volume by its own mean and standard deviation, and cut 2D slices axially.

Yucca's ``standardize`` uses one mean and standard deviation for all images, pooled over T1 and FLAIR and over labelled
voxels only; MR intensities have no unit that would make such a number meaningful across scanners and sequences.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from yucca.pipeline.planning.YuccaPlanner import YuccaPlanner

SPACING_1MM = (1.0, 1.0, 1.0)
SPACING_FLAIR = (1.0, 1.0, 3.0)


class YuccaPlanner_Volume(YuccaPlanner):
    """Per-volume z-scores at the median spacing; the first axis of what is stored is the axial one."""

    target_spacing_mm: tuple[float, float, float] | None = None
    """Spacing in RAS order that volumes are resampled to; None: the median of the training data."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.norm_op = "volume_wise_znorm"
        self.view: str = kwargs.get("view") or "Z"

    def determine_transpose(self) -> None:
        super().determine_transpose()
        self.suggested_dimensionality = "3D"

    def determine_target_size_from_fixed_size_or_spacing(self) -> None:
        super().determine_target_size_from_fixed_size_or_spacing()
        if self.target_spacing_mm is not None:
            self.fixed_target_spacing = list(self.target_spacing_mm)
        assert np.all(np.asarray(self.fixed_target_spacing) > 0)


class YuccaPlanner_Volume_1mm(YuccaPlanner_Volume):
    """The same at 1 mm isotropic (the plan of MedNeXt)."""

    target_spacing_mm = SPACING_1MM


class YuccaPlanner_Volume_FLAIR(YuccaPlanner_Volume):
    """The same at 1 x 1 x 3 mm, the usual grid of clinical FLAIR."""

    target_spacing_mm = SPACING_FLAIR
