"""Plans that cut 2D slices axially and resample volumes to a spacing of their own."""

from __future__ import annotations

from typing import Any

from yucca.pipeline.planning.YuccaPlanner import YuccaPlanner

AXIAL = "Z"
"""Yucca's name of the view in which the first axis of what is stored, and so of 2D slices, runs from foot to head."""


class AxialPlanner(YuccaPlanner):
    """Yucca's plan with axial slices (unless ``-v``), at a spacing that a subclass may state."""

    target_spacing_mm: tuple[float, float, float] | None = None
    """Spacing left-right, back-front, foot-head to resample volumes to; None: the median of the training data."""

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
