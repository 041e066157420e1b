"""One subject from white matter to region labels: read, register, carry the labels, write, record."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from yucca_wm import __version__
from yucca_wm.atlas.pair import Atlas
from yucca_wm.files import make_folder, sha256, write_json
from yucca_wm.images import Image, check_same_grid, load, save
from yucca_wm.parcellate import affine, itk
from yucca_wm.parcellate.outputs import Outputs
from yucca_wm.parcellate.plausible import check_whole, doubts
from yucca_wm.parcellate.settings import Init, Interpolation, Metric, Settings, Transform
from yucca_wm.parcellate.transfer import carry, keep_white_matter
from yucca_wm.parcellate.warp import Warp
from yucca_wm.parcellate.wm import WhiteMatter, check_sides, white_matter


@dataclass(frozen=True)
class Parcellation:
    """What `label` found.

    regions, unmasked : label maps on the subject's grid, inside its white matter and everywhere.
    warp : subject world mm -> atlas world mm.
    wm_dice : overlap of the carried atlas white matter with the subject's.
    filled, unlabelled : white-matter voxels that took the nearest label, and that found none near enough.
    """

    regions: NDArray[Any]
    unmasked: NDArray[Any]
    warp: Warp
    wm_dice: float
    filled: int
    unlabelled: int


def parcellate(
    atlas: Atlas, wm: Path | None, out: Outputs, settings: Settings, t1: Path | None = None, *, picture: bool = True
) -> dict[str, Any]:
    """Parcellate one subject, write its files and return what is written about it, which is written last.

    wm : map that white matter is taken from; None: estimated from ``t1``, roughly.
    """
    inputs = {name: sha256(path) for name, path in (("wm", wm), ("t1", t1)) if path is not None} | atlas.digests
    make_folder(out.folder)
    anatomy = load(t1) if t1 is not None else None
    found = white_matter(wm, settings) if wm is not None else _from_t1(anatomy)
    if anatomy is not None:
        check_same_grid(anatomy, found.mask)
    out.record.unlink(missing_ok=True)
    with threadpool_limits(limits=1):  # sums are made in another order by several, and end on other last digits
        result = label(atlas, found, settings)
    save(found.mask.with_data(result.unmasked), out.unmasked)
    itk.save_affine(result.warp.matrix, out.affine)
    if result.warp.field is not None:
        itk.save_field(result.warp.field, out.field)
    else:
        out.field.unlink(missing_ok=True)
    save(found.mask.with_data(result.regions), out.regions)
    if picture:
        from yucca_wm.parcellate.picture import draw

        draw(found.mask.with_data(result.regions), found.mask, anatomy, atlas.table, out.picture)
    else:
        out.picture.unlink(missing_ok=True)  # of an earlier run
    record = _record(atlas, found, result, settings)
    record |= {
        "inputs": {"wm": None if wm is None else str(wm), "t1": None if t1 is None else str(t1), "sha256": inputs},
        "versions": versions(),
    }
    write_json(out.record, record)
    return record


def _from_t1(t1: Image | None) -> WhiteMatter:
    from yucca_wm.parcellate.mixture import from_t1

    if t1 is None:
        raise ValueError("white matter or a T1 is needed")
    return from_t1(t1)


def label(atlas: Atlas, found: WhiteMatter, settings: Settings) -> Parcellation:
    """Register and carry the labels; nothing is read or written."""
    wm = found.mask
    if settings.init is Init.CENTRE:
        check_sides(found, wm.affine)
        check_whole(atlas.wm, wm)
    warp = register(atlas.wm, wm, settings)
    if settings.init is Init.SEARCH:
        check_sides(found, warp.matrix @ wm.affine)
    unmasked = carry(atlas.labels, wm, warp, settings.interpolation)
    regions, filled, unlabelled = keep_white_matter(unmasked, wm, settings.fill_mm)
    carried = carry(atlas.wm, wm, warp, Interpolation.NEAREST)
    overlap = 2 * int((carried & wm.data).sum()) / (int(carried.sum()) + int(wm.data.sum()))
    return Parcellation(regions, unmasked, warp, overlap, filled, unlabelled)


def register(atlas_wm: Image, subject_wm: Image, settings: Settings) -> Warp:
    """The transform that ``settings`` ask for, subject world mm -> atlas world mm."""
    start, laid = None, np.eye(4)
    if settings.init is Init.SEARCH:
        from yucca_wm.parcellate.search import search

        if settings.transform is Transform.DEFORMABLE:
            raise ValueError("a displacement field in mm needs a header in mm: no search with a deformable transform")
        laid, start = search(atlas_wm, subject_wm), np.eye(4)
        # without its header a millimetre of the subject is none: go on in the atlas's frame
        subject_wm = Image(subject_wm.data, laid @ subject_wm.affine, subject_wm.path)
    if settings.metric is Metric.MATTES:
        from yucca_wm.parcellate.mattes import register as register_mattes

        matrix = register_mattes(atlas_wm, subject_wm, start) @ laid
    else:
        matrix = affine.register(atlas_wm, subject_wm, start) @ laid
    if settings.transform is Transform.AFFINE:
        return Warp(matrix)
    from yucca_wm.parcellate.deformable import refine

    return refine(atlas_wm, subject_wm, matrix)


def versions() -> dict[str, str]:
    """Versions of this package and of what computes for it."""
    import nibabel
    import scipy

    return {
        "yucca_wm": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "nibabel": nibabel.__version__,
    }


def _record(atlas: Atlas, found: WhiteMatter, result: Parcellation, settings: Settings) -> dict[str, Any]:
    voxel_ml = found.mask.voxel_volume_mm3 / 1000
    counts = np.bincount(result.regions.ravel(), minlength=max(atlas.table.indices) + 1)
    field = result.warp.field
    return {
        "settings": settings.as_dict(),
        "white_matter": found.source,
        "wm_volume_ml": round(float(found.mask.data.sum()) * voxel_ml, 4),
        "wm_dice": round(result.wm_dice, 4),
        "doubts": doubts(result.warp.matrix, result.wm_dice, affine.grid_rotation(found.mask)),
        "filled_voxels": result.filled,
        "unlabelled_voxels": result.unlabelled,
        "folded_voxels": 0 if field is None else field.folds(),
        "affine_subject_to_atlas_ras_mm": result.warp.matrix.tolist(),
        "volume_ml": {region.name: round(float(counts[region.index]) * voxel_ml, 4) for region in atlas.table},
    }
