"""The part of each subject: what the joint outputs need of it.

Parts are kept, one file per subject, so that memory does not grow with the cohort, and a resumed run, or one run per
subject and one for the group, produces the same files as a single run.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Collection
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from yucca_wm.core.columns import number
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import atomic_path
from yucca_wm.core.regions import RegionTable
from yucca_wm.imaging.images import name_of
from yucca_wm.localize.inputs.pairs import Maps
from yucca_wm.localize.measures.load import CaseResult
from yucca_wm.localize.measures.positions import Positions


@dataclass(frozen=True)
class Part:
    """Contribution of one subject to the outputs.

    tables : name of a table -> the subject's lines, as in the file.
    summary : the subject's entry in ``localize.json``.
    load_percent : load of each region of the heat map, None for regions without a voxel.
    positions : the arrays of `Positions`, as text; empty in parts of earlier versions.
    """

    tables: dict[str, str]
    summary: dict[str, Any]
    load_percent: list[float | None]
    positions: str = ""

    @property
    def where(self) -> Positions | None:
        """Where lesions and regions are; None in parts of earlier versions."""
        return _unpacked(self.positions) if self.positions else None


@dataclass(frozen=True)
class Parts:
    """The parts of a cohort, one file each; may be written by several threads or processes."""

    folder: Path

    def path(self, subject: str) -> Path:
        """Path of a subject's part."""
        return self.folder / f"{subject}.json"

    def write(self, subject: str, part: Part) -> None:
        """Write a subject's part."""
        with atomic_path(self.path(subject), sync=False) as temporary:
            temporary.write_text(json.dumps(vars(part), ensure_ascii=False), encoding="utf-8")

    def read(self, subject: str) -> Part:
        """Read a subject's part. Raises InputError if the file is damaged."""
        try:
            return Part(**json.loads(self.path(subject).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise InputError(self.path(subject), f"is damaged ({error})", "remove it, and run again") from error

    def of_others(self, subjects: Collection[str]) -> dict[str, Path]:
        """Subject -> part, for subjects that are not among ``subjects``: they have left the cohort."""
        return {path.stem: path for path in self.folder.glob("*.json") if path.stem not in subjects}


def _packed(positions: Positions) -> str:
    """The arrays as text; the same for the same arrays. Whole numbers are stored in as few bytes as they fit in."""
    arrays = {
        name: array.astype(np.min_scalar_type(int(array.max(initial=0)))) if array.dtype == np.intp else array
        for name, array in vars(positions).items()
    }
    with BytesIO() as archive:
        np.savez_compressed(archive, allow_pickle=False, **arrays)
        return b64encode(archive.getvalue()).decode("ascii")


def _unpacked(text: str) -> Positions:
    with np.load(BytesIO(b64decode(text)), allow_pickle=False) as arrays:
        return Positions(**arrays)


def part_of(result: CaseResult, maps: Maps, table: RegionTable, lines: dict[str, str]) -> Part:
    """Contribution of one subject to the outputs. lines : name of a table -> the subject's lines."""
    shown = set(table.measured.indices)
    load_percent = [row.load_percent for row in result.load if row.region_id in shown]
    return Part(lines, _subject_summary(result, maps), load_percent, _packed(result.positions))


def files_of(maps: Maps) -> dict[str, str]:
    """Absolute paths of a subject's maps, or names of maps in memory."""
    given = {"lesions": maps.lesions, "regions": maps.regions, "tissue": maps.companions.tissue}
    return {
        what: str(source.absolute()) if isinstance(source, Path) else name_of(source)
        for what, source in given.items()
        if source is not None
    }


PART_FORM = 4
"""Raised when parts hold something new, so that subjects that were done before are done again."""


def _subject_summary(result: CaseResult, maps: Maps) -> dict[str, Any]:
    total, outside = result.total, result.outside
    volume_by_place = (
        {row.place: float(number(row.lesion_volume_ml)) for row in result.places[:-1]} if result.shows_places else {}
    )
    return {
        **files_of(maps),
        "voxel_volume_mm3": round(result.voxel_volume_mm3, 6),
        "spacing_mm": [round(mm, 6) for mm in result.spacing_mm],
        "lesion_volume_ml": float(number(total.lesion_volume_ml)),
        "n_lesions": total.n_lesions,
        "voxels": {
            "total": total.lesion_voxels,
            "in_regions": total.lesion_voxels - outside.lesion_voxels,
            "outside": outside.lesion_voxels,
            "removed_below_min_size": result.removed_voxels,
        },
        "n_lesions_removed_below_min_size": result.removed_lesions,
        **({"lesion_volume_ml_by_place": volume_by_place} if volume_by_place else {}),
        "flags": result.flags,
    }
