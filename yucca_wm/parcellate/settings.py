"""What can be chosen about a parcellation; light to import, so that ``--help`` is quick."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Transform(StrEnum):
    """Which deformations the registration may use."""

    AFFINE = "affine"
    DEFORMABLE = "deformable"


class Metric(StrEnum):
    """What the affine registration maximises: ls, agreement of smoothed masks; mattes, mutual information."""

    LS = "ls"
    MATTES = "mattes"


class Init(StrEnum):
    """Where the registration starts: centres of mass, or a search over the 24 axis-aligned rotations."""

    CENTRE = "centre"
    SEARCH = "search"


class Interpolation(StrEnum):
    """How a voxel takes its label: that of the nearest atlas voxel, or the one with most linear weight."""

    NEAREST = "nearest"
    LINEAR = "linear"


class Sides(StrEnum):
    """What a sided white-matter label map is checked against.

    known : FAST-AID 44 right, 45 left; FreeSurfer 2 left, 41 right.
    swapped : the other way round.
    ignore : not checked.
    """

    KNOWN = "known"
    SWAPPED = "swapped"
    IGNORE = "ignore"


NONZERO = "nonzero"
"""In place of label numbers: every voxel that is not zero is white matter."""

FASTAID_WM = (44, 45)
"""Cerebral white matter in FAST-AID Brain's label list: right, left."""


@dataclass(frozen=True)
class Settings:
    """Choices of one run; recorded with every result, and a result is made again when they change.

    wm_labels : labels of white matter in a label map; ``"nonzero"`` takes every label; None: FAST-AID's.
    threshold : a probability map's white matter is at or above it.
    fill_mm : white-matter voxels without a label take the nearest label within this distance.
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
        """Plain values, as JSON holds them."""
        values = asdict(self)
        values["wm_labels"] = list(self.wm_labels) if isinstance(self.wm_labels, tuple) else self.wm_labels
        return {key: str(value) if isinstance(value, StrEnum) else value for key, value in values.items()}
