"""Plans with axial 2D slices, optional resampling to a fixed spacing, and normalisation of each volume by itself.

Yucca's ``standardize`` uses one mean and standard deviation for all images, pooled over T1 and FLAIR and over labelled
voxels only. Intensities from very different scanners have no common unit; where scanners hardly differ, the pooled
numbers keep what they have in common (docs/training.md: they did better on the synthetic cohort).
"""

from __future__ import annotations

from typing import Any

from yucca.pipeline.planning.YuccaPlanner import YuccaPlanner

AXIAL = "Z"
"""Yucca's name for the view in which the first stored axis, and so the 2D slicing axis, runs from foot to head."""


class AxialPlanner(YuccaPlanner):
    """Yucca's plan with axial slices (unless ``-v``), at a spacing that a subclass may set."""

    target_spacing_mm: tuple[float, float, float] | None = None
    """Spacing (left-right, back-front, foot-head) to which volumes are resampled; None: median of the training data."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.view: str = kwargs.get("view") or AXIAL

    def determine_transpose(self) -> None:
        super().determine_transpose()
        self.suggested_dimensionality = "3D"  # a view alone does not make it a 2D plan

    def determine_target_size_from_fixed_size_or_spacing(self) -> None:
        super().determine_target_size_from_fixed_size_or_spacing()
        if self.target_spacing_mm is not None:
            self.fixed_target_spacing = list(self.target_spacing_mm)


class YuccaPlanner_1mm(AxialPlanner):
    """1 mm isotropic (the plan of MedNeXt)."""

    target_spacing_mm = (1.0, 1.0, 1.0)


class YuccaPlanner_FLAIR(AxialPlanner):
    """1 x 1 x 3 mm, the usual grid of clinical FLAIR."""

    target_spacing_mm = (1.0, 1.0, 3.0)


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
