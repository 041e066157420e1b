"""One subject of a cohort: its name, its files, its side of the split, and where its derived files are kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from yucca_wm.cohort.visits import person
from yucca_wm.core.errors import InputError
from yucca_wm.core.modality import Modality


class Split(StrEnum):
    """Training set (train) or test set (test)."""

    TRAIN = "train"
    TEST = "test"

    @property
    def remedy(self) -> str:
        """Remedy for a cohort without subjects on this side."""
        return f"put subjects into a {self} folder, or say '{self}' in a table"


MAPS = ("wm", "lesions", "regions")
"""Label maps of a `Subject`."""

FILE_COLUMNS = (*(modality.column for modality in Modality), *MAPS)
"""All columns of files that a subject may have."""


@dataclass(frozen=True)
class Subject:
    """One scan session of one person; a file that the cohort does not have is None.

    name : unique in the cohort; outputs are named after it. With sessions: ``sub-01_ses-02``.
    scans : available images, skull-on or skull-stripped.
    wm : any image that white matter can be taken from: a tissue or whole-brain label map, a mask, a probability map.
    lesions : 1 white-matter lesion, 2 other pathology.
    regions : region label map, as ``python -m yucca_wm.parcellate`` writes it.
    split : the cohort's own division into train and test; None where it has none.
    split_problem : why that division is not known, if the cohort states one that cannot be read.
    problem : why it has no scan here, if the cohort shows a reason; it then fails alone, and the others go on.
    """

    name: str
    scans: Mapping[Modality, Path] = field(default_factory=dict)
    wm: Path | None = None
    lesions: Path | None = None
    regions: Path | None = None
    split: Split | None = None
    problem: InputError | None = field(default=None, compare=False)
    split_problem: InputError | None = field(default=None, compare=False)

    def files(self, *columns: str) -> dict[str, Path]:
        """Its existing files (``t1``, ``wm``, ...)."""
        there = {modality.column: path for modality, path in self.scans.items()}
        there |= {column: path for column in MAPS if (path := getattr(self, column)) is not None}
        return {column: there[column] for column in columns if column in there}

    @property
    def t1(self) -> Path | None:
        """The T1, used to find white matter and tissue."""
        return self.scans.get(Modality.T1)

    @property
    def flair(self) -> Path | None:
        """The FLAIR."""
        return self.scans.get(Modality.FLAIR)

    @property
    def trouble(self) -> str:
        """`problem` in one line that names the subject; "" without one."""
        return f"{self.name}: {self.problem}" if self.problem else ""

    @property
    def person(self) -> str:
        """The name without its session and run: scans of one person never stand on both sides of a split."""
        return person(self.name)


UNMASKED, FIELD = "_unmasked.nii.gz", "_warp.nii.gz"
"""Endings of images that `yucca_wm.parcellate` leaves beside a region map and that are not region maps."""


def derivatives_folder(root: str | os.PathLike[str], subject: str) -> Path:
    """``<root>/derivatives/yucca_wm/<subject>``; for a table of paths, beside the table."""
    root = Path(root)
    return (root.parent if root.is_file() else root) / "derivatives" / "yucca_wm" / subject


def regions_path(root: str | os.PathLike[str], subject: str) -> Path:
    """Where the region map made for ``subject`` is kept (it need not be there yet)."""
    return derivatives_folder(root, subject) / f"{subject}_regions.nii.gz"


def existing(path: Path) -> Path | None:
    """``path`` if it exists (a broken link counts, so that it is reported), else None."""
    return path if path.exists() or path.is_symlink() else None
