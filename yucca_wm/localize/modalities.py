"""What T1 alone and FLAIR alone say, beside the ensemble of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from yucca_wm.core.errors import InputError
from yucca_wm.core.images import Image, Source
from yucca_wm.localize.flags import modality_flag
from yucca_wm.localize.load import LoadRow
from yucca_wm.tasks.definition import MODALITIES

ENSEMBLE = "ensemble"

APART = 0.5
"""In a region, modalities disagree when their volumes differ by more than this share of the largest ..."""

APART_ML = 0.1
"""... and by more than this (about 36 voxels of 1 x 1 x 3 mm)."""


@dataclass(frozen=True)
class Modality:
    """The maps of one subject that were made from one modality. regions : None for those of the ensemble."""

    name: str
    lesions: Source
    regions: Source | None = None


@dataclass(frozen=True, slots=True)
class ModalityRow:
    """One row of ``modalities.tsv``.

    volumes_ml : lesion volume by ensemble, T1, FLAIR; None for one that is not at hand.
    range_ml : largest minus smallest of these.
    """

    region_id: int
    name: str
    side: str
    group: str
    volumes_ml: tuple[float | None, ...]
    range_ml: float
    disagree: bool


def modality_rows(ensemble: Sequence[LoadRow], others: Mapping[str, Sequence[LoadRow]]) -> list[ModalityRow]:
    """The loads of one subject (rows of `yucca_wm.localize.load.load_rows`) side by side.

    others : modality -> rows of its own maps.
    """
    rows = []
    for number, row in enumerate(ensemble):
        alone = [others[name][number].lesion_volume_ml if name in others else None for name in MODALITIES]
        known = [row.lesion_volume_ml, *(volume for volume in alone if volume is not None)]
        apart_ml = max(known) - min(known)
        disagree = apart_ml > APART_ML and apart_ml > APART * max(known)
        volumes_ml = (row.lesion_volume_ml, *alone)
        rows.append(ModalityRow(row.region_id, row.name, row.side, row.group, volumes_ml, apart_ml, disagree))
    return rows


def disagreement(ensemble: Sequence[LoadRow], others: Mapping[str, Sequence[LoadRow]]) -> dict[str, str]:
    """The flag ``modality_disagreement`` if T1 and FLAIR (or the only one of them and the ensemble) are far apart."""
    loads = {**others} if len(others) > 1 else {**others, ENSEMBLE: ensemble}
    first, second = (name for name in (*MODALITIES, ENSEMBLE) if name in loads)
    volumes_ml = [[row.lesion_volume_ml for row in loads[name][:-1]] for name in (first, second)]
    return modality_flag((first, second), (volumes_ml[0], volumes_ml[1]))


def load_map(path: Source, read: Callable[[Source], Image], allowed: set[int] | None) -> Image:
    """What ``read`` makes of a file or an image in memory, or the likeliest labels of a softmax file (``.npz``).

    allowed : labels of a softmax file; None: any.

    Raises InputError as ``read``, and for labels of a softmax file that are not allowed.
    """
    if isinstance(path, Image) or path.suffix != ".npz":
        return read(path)
    from yucca_wm.ensemble.folders import open_probabilities
    from yucca_wm.ensemble.merge import merge

    merged = merge([open_probabilities(path)])
    found = set(np.unique(merged.labels).tolist())
    if allowed is not None and (unknown := sorted(found - allowed)):
        raise InputError(path, f"gives labels that are not in the table: {', '.join(map(str, unknown[:5]))}")
    return Image(merged.labels, merged.grid.affine, path)
