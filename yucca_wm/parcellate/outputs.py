"""Paths of the files of one parcellation: beside the label map, named after it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from yucca_wm.cohort.ids import called
from yucca_wm.cohort.region_record import RECORD
from yucca_wm.cohort.subject import FIELD, UNMASKED
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import NIFTI_SUFFIXES, case_name, sha256

REGIONS_SHA256 = "regions_sha256"
"""Key of the region map's checksum in the record."""

AFFINE = "_affine.tfm"
"""Ending of the transform beside a region map."""


@dataclass(frozen=True)
class Outputs:
    """``regions`` is the label map; the others share its name."""

    regions: Path

    @property
    def folder(self) -> Path:
        return self.regions.parent

    @property
    def unmasked(self) -> Path:
        """The transferred labels before those outside the subject's white matter are removed."""
        return self._beside(UNMASKED)

    @property
    def affine(self) -> Path:
        """ITK text transform, subject -> atlas."""
        return self._beside(AFFINE)

    @property
    def field(self) -> Path:
        """ITK displacement field, applied to a point of the subject before the affine."""
        return self._beside(FIELD)

    @property
    def record(self) -> Path:
        return self._beside(RECORD)

    @property
    def picture(self) -> Path:
        return self._beside(".png")

    def expected(self, *, field: bool, picture: bool) -> list[Path]:
        """All files of a parcellation, with or without displacement field and picture; the record comes last."""
        extra = [self.field] * field + [self.picture] * picture
        return [self.unmasked, self.affine, *extra, self.regions, self.record]

    def _beside(self, ending: str) -> Path:
        return self.regions.with_name(case_name(self.regions) + ending)


def single(out: str | os.PathLike[str], wm: str | os.PathLike[str]) -> Outputs:
    """Outputs of the one-subject command: ``out`` is a label map's path (.nii, .nii.gz) or a folder, in which the map
    is named after the subject (`yucca_wm.cohort.ids.called`)."""
    return named(out, called(Path(wm)))


def named(out: str | os.PathLike[str], subject: str) -> Outputs:
    """`single` for a subject whose name is known."""
    path = Path(out)
    if path.name.lower().endswith(NIFTI_SUFFIXES):
        return Outputs(path)
    if path.suffix and not path.is_dir():
        raise InputError(path, f"ends with {path.suffix}", "give a path that ends with .nii.gz, or a folder")
    return Outputs(path / f"{subject}_regions.nii.gz")


def in_cohort(out_dir: str | os.PathLike[str], subject: str) -> Outputs:
    """``<out_dir>/<subject>/<subject>_regions.nii.gz``."""
    return Outputs(Path(out_dir) / subject / f"{subject}_regions.nii.gz")


def check_free(out: Outputs, source: Path, what: str) -> None:
    """Raise InputError if a region map of the same name exists that was made from another file, most likely another
    subject's, by other means, or edited since. One made from the same file, or a copy of it, is replaced.

    source : file that the map is made from; ``what``: ``wm`` or ``t1``.
    """
    remedy = "name this map with --out FILE.nii.gz, or choose another folder"
    try:
        record = json.loads(out.record.read_text(encoding="utf-8"))
        written = record[REGIONS_SHA256]
    except (OSError, ValueError, KeyError, TypeError):  # there is none
        record, written = {}, None
    if out.regions.is_file() and written != sha256(out.regions):
        raise InputError(out.regions, "exists already, and is not as yucca-wm parcellate has written it", remedy)
    try:
        path, digest = Path(record["inputs"][what]), record["inputs"]["sha256"][what]
    except (KeyError, TypeError):  # made from an image in memory, or from another kind of file
        return
    if not source.is_file() or (path.is_file() and path.samefile(source)) or digest == sha256(source):
        return
    problem = f"is called {case_name(out.regions)}, as the map of {path} is, which is in {out.folder} already"
    raise InputError(source, problem, remedy)
