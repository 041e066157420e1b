"""Transforms written by parcellate, for later steps: found by name or beside a region map."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yucca_wm.cohort.pairing import subject_of
from yucca_wm.cohort.region_record import RECORD, record_beside
from yucca_wm.cohort.subject import FIELD
from yucca_wm.core.errors import InputError
from yucca_wm.parcellate.outputs import AFFINE
from yucca_wm.registration import itk
from yucca_wm.registration.warp import Warp

BESIDE = "beside the region maps"
"""Instead of a folder: each transform lies beside the region map that was made with it."""

IN_TEMPLATE = "none"
"""Instead of a folder: the lesion maps are already in template space."""


@dataclass(frozen=True)
class Transforms:
    """where : folder, BESIDE or IN_TEMPLATE; files : subject -> its affine files (more than one is an error)."""

    where: str
    files: Mapping[str, list[Path]]

    def inputs(self, subject: str, regions: Path | None = None) -> dict[str, Path]:
        """The existing files that `warp` reads."""
        files = self._of(subject, regions)
        fields = [Path(str(path).removesuffix(AFFINE) + FIELD) for path in files]
        affines = {f"affine{number or ''}": path for number, path in enumerate(files)}
        return affines | {f"field{number or ''}": path for number, path in enumerate(fields) if path.is_file()}

    def _of(self, subject: str, regions: Path | None) -> list[Path]:
        if self.where == BESIDE:
            affine = Path(str(record_beside(regions)).removesuffix(RECORD) + AFFINE) if regions else None
            return [affine] if affine is not None and affine.is_file() else []
        return self.files.get(subject) or self.files.get(subject_of(subject)) or []

    def warp(self, subject: str, regions: Path | None = None) -> Warp:
        """Transform of a subject: subject world mm -> atlas world mm.

        regions : the subject's region map, beside which its transform may lie.

        Raises InputError if the subject has no transform or several, or if it needs a displacement field that is
        missing.
        """
        if self.where == IN_TEMPLATE:
            return Warp(np.eye(4))
        files = self._of(subject, regions)
        if not files and self.where == BESIDE:
            raise InputError(subject, f"has no transform beside {regions}", "name their folder with --transforms")
        if not files:
            raise InputError(subject, f"has no transform in {self.where}", f"give its <subject>{AFFINE}")
        if len(files) > 1:
            raise InputError(subject, f"has {len(files)} transforms: {', '.join(map(str, files[:3]))}", "keep one")
        stem = str(files[0]).removesuffix(AFFINE)
        field = Path(stem + FIELD)
        if not field.is_file():
            if _deformable(Path(stem + RECORD)):
                raise InputError(field, "is not there, but the parcellation was deformable", "parcellate again")
            return Warp(itk.load_affine(files[0]))
        return Warp(itk.load_affine(files[0]), itk.load_field(field))


def find_transforms(where: str | os.PathLike[str]) -> Transforms:
    """Find every ``*_affine.tfm`` in a folder and below, each with the ``*_warp.nii.gz`` beside it, if there is one.

    where : folder (or a file in it), or ``none`` if the lesion maps are already in template space.
    Raises InputError if there is no such folder or no transform in it.
    """
    if str(where) == IN_TEMPLATE:
        return Transforms(IN_TEMPLATE, {})
    folder = Path(where)
    folder = folder.parent if folder.is_file() else folder
    if not folder.is_dir():
        raise InputError(folder, "no such folder")
    files: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob(f"*{AFFINE}")):
        files[subject_of(path.name.removesuffix(AFFINE))].append(path)
    if not files:
        remedy = f"give the folder that yucca_wm.parcellate wrote, or '{IN_TEMPLATE}' for maps in template space"
        raise InputError(folder, f"holds no transform (*{AFFINE})", remedy)
    return Transforms(str(folder), dict(files))


def _deformable(record: Path) -> bool:
    try:
        return bool(json.loads(record.read_text(encoding="utf-8"))["settings"]["transform"] == "deformable")
    except (OSError, ValueError, KeyError, TypeError):
        return False
