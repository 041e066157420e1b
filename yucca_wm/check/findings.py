"""What a check says: problems, and the facts that subjects are compared by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """error: a later step would leave the subject out, or go wrong. warning: a person should look at it."""

    ERROR = "error"
    WARNING = "warning"


COHORT = "(cohort)"
"""Stands for the subject in problems that concern no single one."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    subject : its name, or COHORT.
    file : the offending file, "" where there is none.
    """

    level: Level
    subject: str
    file: str
    problem: str
    remedy: str = ""


@dataclass(frozen=True)
class Facts:
    """What is known of a subject's files (by field of `Subject`: t1, flair, wm, lesions, regions).

    shape, spacing_mm, orientation : of its first image; orientation as in nibabel's axis codes.
    digests : sha256 of the voxel values, only for images that may not be equal between subjects.
    size_bytes : size on disk.
    volume_ml : white matter, label-1 lesions, regions 1 to 34.
    """

    shape: tuple[int, ...] = ()
    spacing_mm: tuple[float, ...] = ()
    orientation: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    size_bytes: Mapping[str, int] = field(default_factory=dict)
    volume_ml: Mapping[str, float] = field(default_factory=dict)

    @property
    def voxels(self) -> int:
        count = 1
        for axis in self.shape:
            count *= axis
        return count if self.shape else 0
