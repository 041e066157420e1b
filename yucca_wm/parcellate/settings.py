"""Settings of a parcellation; light to import, so that ``--help`` is quick."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Transform(StrEnum):
    """Deformations that the registration may use."""

    AFFINE = "affine"
    DEFORMABLE = "deformable"


class Metric(StrEnum):
    """Criterion that the affine registration maximises: ls, agreement of smoothed masks; mattes, mutual information."""

    LS = "ls"
    MATTES = "mattes"


class Init(StrEnum):
    """Start of the registration: centres of mass, or a search over the 24 axis-aligned rotations."""

    CENTRE = "centre"
    SEARCH = "search"


class Interpolation(StrEnum):
    """How a voxel takes its label: that of the nearest atlas voxel, or the one with the largest linear weight."""

    NEAREST = "nearest"
    LINEAR = "linear"


class Sides(StrEnum):
    """Convention that a white-matter label map with sides is checked against.

    known : FAST-AID 44 right, 45 left; FreeSurfer 2 left, 41 right.
    swapped : the other way round.
    ignore : not checked.
    """

    KNOWN = "known"
    SWAPPED = "swapped"
    IGNORE = "ignore"


NONZERO = "nonzero"
"""Instead of label numbers: every nonzero voxel is white matter."""

FASTAID_WM = (44, 45)
"""Labels of cerebral white matter in FAST-AID Brain: right, left."""


@dataclass(frozen=True)
class Settings:
    """Settings of one run; recorded with every result, and a result is made again when they change.

    wm_labels : labels of white matter in a label map; ``"nonzero"`` takes every label; None: FAST-AID's.
    threshold : lowest value of a probability map that counts as white matter.
    fill_mm : white-matter voxels without a label take the nearest label within this distance, in mm.
    """

    transform: Transform = Transform.AFFINE
    metric: Metric = Metric.LS
    init: Init = Init.CENTRE
    interpolation: Interpolation = Interpolation.NEAREST
    wm_labels: tuple[int, ...] | str | None = None
    threshold: float = 0.5
    sides: Sides = Sides.KNOWN
    fill_mm: float = 3.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = asdict(self)
        values["wm_labels"] = list(self.wm_labels) if isinstance(self.wm_labels, tuple) else self.wm_labels
        return {key: str(value) if isinstance(value, StrEnum) else value for key, value in values.items()}
