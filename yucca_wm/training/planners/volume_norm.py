"""Plans that normalise every volume by its own intensities, and cut 2D slices axially.

Yucca's ``standardize`` uses one mean and standard deviation for all images, pooled over T1 and FLAIR and over labelled
voxels only; MR intensities have no unit that would make such a number meaningful across scanners and sequences.
"""

from __future__ import annotations

from typing import Any

from yucca.pipeline.planning.YuccaPlanner import YuccaPlanner

AXIAL = "Z"
"""Yucca's name of the view in which the first axis of what is stored, and so of 2D slices, runs from foot to head."""


class YuccaPlanner_Volume(YuccaPlanner):
    """Per-volume intensities (outliers clipped, then 0 to 1) at the median spacing; axial slices unless ``-v``."""

    target_spacing_mm: tuple[float, float, float] | None = None
    """Spacing left-right, back-front, foot-head to resample volumes to; None: the median of the training data."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.norm_op = "volume_wise_znorm"
        self.view: str = kwargs.get("view") or AXIAL

    def determine_transpose(self) -> None:
        super().determine_transpose()
        self.suggested_dimensionality = "3D"  # a view alone does not make it a 2D plan

    def determine_target_size_from_fixed_size_or_spacing(self) -> None:
        super().determine_target_size_from_fixed_size_or_spacing()
        if self.target_spacing_mm is not None:
            self.fixed_target_spacing = list(self.target_spacing_mm)


class YuccaPlanner_Volume_1mm(YuccaPlanner_Volume):
    """The same at 1 mm isotropic (the plan of MedNeXt)."""

    target_spacing_mm = (1.0, 1.0, 1.0)


class YuccaPlanner_Volume_FLAIR(YuccaPlanner_Volume):
    """The same at 1 x 1 x 3 mm, the usual grid of clinical FLAIR."""

    target_spacing_mm = (1.0, 1.0, 3.0)
