"""Plans that normalise every volume by its own intensities.

Yucca's ``standardize`` uses one mean and standard deviation for all images, pooled over T1 and FLAIR and over labelled
voxels only. Intensities of scanners that differ much have no common unit; where they hardly do, the pooled numbers
keep what they have in common (docs/training.md: they did better on the synthetic cohort).
"""

from __future__ import annotations

from typing import Any

from yucca_wm.training.planners.spacing import AxialPlanner, YuccaPlanner_1mm, YuccaPlanner_FLAIR


class YuccaPlanner_Volume(AxialPlanner):
    """Per-volume intensities (outliers clipped, then 0 to 1) at the median spacing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.norm_op = "volume_wise_znorm"


class YuccaPlanner_Volume_1mm(YuccaPlanner_Volume):
    """The same at 1 mm isotropic."""

    target_spacing_mm = YuccaPlanner_1mm.target_spacing_mm


class YuccaPlanner_Volume_FLAIR(YuccaPlanner_Volume):
    """The same at 1 x 1 x 3 mm."""

    target_spacing_mm = YuccaPlanner_FLAIR.target_spacing_mm


class YuccaPlanner_Volume_3mm(YuccaPlanner_Volume):
    """The same at 3 mm isotropic, on which the shipped region model sees a whole head."""

    target_spacing_mm = (3.0, 3.0, 3.0)
