"""Parcellate one subject, from white matter to region labels: read, register, transfer the labels, write, record."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from yucca_wm import __version__
from yucca_wm.atlas.maps import Atlas
from yucca_wm.core.files import check_not_read, make_folder, sha256, write_json
from yucca_wm.core.predictions import names_record
from yucca_wm.core.stages import stage
from yucca_wm.core.tissue import Tissue
from yucca_wm.imaging.grids import on_grid
from yucca_wm.imaging.images import Image, Source, load, name_of, save
from yucca_wm.imaging.labels import dice
from yucca_wm.parcellate.outputs import REGIONS_SHA256, Outputs
from yucca_wm.parcellate.quality import (
    Fit,
    agreement_by_part,
    check_whole,
    doubts,
    network_agreement,
    t1_contrast,
)
from yucca_wm.parcellate.settings import Init, Interpolation, Settings
from yucca_wm.parcellate.transfer import Registration, carry, keep_white_matter, register
from yucca_wm.parcellate.white_matter import (
    WhiteMatter,
    add_lesions,
    check_sides,
    check_tissue,
    segmented,
    white_matter,
    white_matter_of,
)
from yucca_wm.registration import itk
from yucca_wm.registration.warp import Warp


@dataclass(frozen=True)
class Beside:
    """Other images of the subject, on the grid of its white matter, by which a registration is judged.

    tissue : label map of `yucca_wm.core.tissue.Tissue`. regions : region map that did not come from this registration.
    """

    t1: Image | None = None
    tissue: Image | None = None
    regions: Image | None = None


@dataclass(frozen=True)
class Labelling:
    """Result of `label`.

    regions, unmasked : label maps on the subject's grid, inside its white matter and everywhere.
    warp : subject world mm -> atlas world mm.
    fit : goodness of fit.
    wm_dice : overlap of the transferred atlas white matter with the subject's.
    filled, unlabelled : number of white-matter voxels that took the nearest label, and that found none near enough.
    """

    regions: NDArray[Any]
    unmasked: NDArray[Any]
    warp: Warp
    fit: Fit
    wm_dice: float
    filled: int
    unlabelled: int


@dataclass(frozen=True)
class Person:
    """found, beside : white matter, and other images on its grid. inputs : where they came from, for the record."""

    found: WhiteMatter
    beside: Beside
    inputs: dict[str, Any]


def parcellate(
    atlas: Atlas,
    wm: Path | None,
    out: Outputs,
    settings: Settings,
    t1: Path | None = None,
    *,
    lesions: Path | None = None,
    picture: bool = True,
) -> dict[str, Any]:
    """Parcellate one subject, write its files and return the record, which is written last.

    wm, t1, lesions : as for `read_person`.
    """
    check_not_read(out.expected(field=True, picture=True), (wm, t1, lesions))
    make_folder(out.folder)
    person = read_person(wm, settings, t1, lesions=lesions)
    result = label(atlas, person.found, settings, person.beside)
    return write(atlas, person, result, settings, out, picture=picture)


def read_person(
    wm: Source | None,
    settings: Settings,
    t1: Source | None = None,
    *,
    lesions: Source | None = None,
) -> Person:
    """Read the images of a subject that are not in memory yet, and find its white matter.

    wm : map that white matter is taken from; None: found on ``t1`` by the package's models.
    lesions : map of white-matter lesions, which count as white matter.
    """
    given = {"wm": wm, "t1": t1, "lesions": lesions}
    inputs: dict[str, Any] = {
        name: str(source.absolute()) if isinstance(source, Path) else source and name_of(source)
        for name, source in given.items()
    }
    inputs["sha256"] = {name: sha256(source) for name, source in given.items() if isinstance(source, Path)}
    anatomy = load(t1) if t1 is not None else None
    tissue = regions = None
    if wm is not None:
        found = white_matter(wm, settings)
    elif anatomy is not None:
        stage("finding white matter")
        tissue, regions = segmented(anatomy)
        found = white_matter_of(tissue, anatomy)
    else:
        raise ValueError("white matter or a T1 is needed")
    anatomy, tissue, regions = (other and on_grid(other, found.mask) for other in (anatomy, tissue, regions))
    if tissue is not None:
        check_tissue(tissue)
    if lesions is not None:
        found = add_lesions(found, lesions)
    return Person(found, Beside(anatomy, tissue, regions), inputs)


def write(
    atlas: Atlas, person: Person, result: Labelling, settings: Settings, out: Outputs, *, picture: bool
) -> dict[str, Any]:
    """Write all files of a parcellation, the region map and the record last; returns the record."""
    grid, names = person.found.mask, atlas.table.names
    for earlier in (out.regions, out.record):  # a map without a record would pass for one from elsewhere
        earlier.unlink(missing_ok=True)
    save(grid.with_data(result.unmasked), out.unmasked, names)
    itk.save_affine(result.warp.matrix, out.affine)
    if result.warp.field is not None:
        itk.save_field(result.warp.field, out.field)
    else:
        out.field.unlink(missing_ok=True)
    if picture:
        from yucca_wm.parcellate.pictures import draw

        draw(grid.with_data(result.regions), grid, person.beside.t1, atlas.table, out.picture)
    else:
        out.picture.unlink(missing_ok=True)  # from an earlier run
    save(grid.with_data(result.regions), out.regions, names)
    record = record_of(atlas, person, result, settings) | {REGIONS_SHA256: sha256(out.regions)}
    write_json(out.record, record)
    return record


def label(atlas: Atlas, found: WhiteMatter, settings: Settings, beside: Beside | None = None) -> Labelling:
    """Register, transfer the labels and judge the fit; nothing is read or written."""
    with threadpool_limits(limits=1):  # several threads sum in another order, which changes the last digits
        return _label(atlas, found, settings, beside or Beside())


def _label(atlas: Atlas, found: WhiteMatter, settings: Settings, beside: Beside) -> Labelling:
    wm = found.mask
    if settings.init is Init.CENTRE:
        check_sides(found, wm.affine)
        check_whole(atlas.wm, wm)
    stage("registering the atlas")
    registered = register(atlas.wm, wm, settings)
    warp = registered.warp
    if settings.init is Init.SEARCH:
        check_sides(found, warp.matrix @ wm.affine)
    unmasked = carry(atlas.labels, wm, warp, settings.interpolation)
    regions, filled, unlabelled = keep_white_matter(unmasked, wm, settings.fill_mm)
    overlap = dice(carry(atlas.wm, wm, warp, Interpolation.NEAREST) > 0, wm.data > 0)
    fit = judge(atlas, wm, registered, unmasked, beside)
    return Labelling(regions, unmasked, warp, fit, overlap, filled, unlabelled)


def judge(atlas: Atlas, wm: Image, registered: Registration, unmasked: NDArray[Any], beside: Beside) -> Fit:
    """All measures of fit that ``beside`` allows. unmasked : the transferred labels on the grid of ``wm``."""
    warp, seen = registered.warp, wm
    if warp.is_affine:  # in the atlas's frame millimetres are right, even if the subject's header is lost
        seen, warp = Image(wm.data, warp.matrix @ wm.affine, wm.path), Warp(np.eye(4))
    tissue, other = beside.tissue, beside.regions
    return Fit(
        parts=agreement_by_part(atlas.wm, seen, warp),
        starts=registered.starts,
        agreeing=registered.agreeing,
        t1_contrast=None if beside.t1 is None else t1_contrast(wm, beside.t1),
        wm_in_tissue_dice=None if tissue is None else dice(tissue.data == Tissue.CEREBRAL_WHITE_MATTER, wm.data > 0),
        network_agreement=None if other is None else network_agreement(unmasked, other, atlas.table),
    )


def versions() -> dict[str, str]:
    """Versions of this package and of the packages that compute for it."""
    import nibabel
    import scipy

    return {
        "yucca_wm": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "nibabel": nibabel.__version__,
    }


def record_of(atlas: Atlas, person: Person, result: Labelling, settings: Settings) -> dict[str, Any]:
    """Record of a parcellation."""
    found = person.found
    voxel_ml = found.mask.voxel_volume_ml
    counts = np.bincount(result.regions.ravel(), minlength=max(atlas.table.indices) + 1)
    field = result.warp.field
    return {
        "settings": settings.as_dict(),
        "atlas": sorted(atlas.digests.values()),
        "white_matter": found.source,
        "wm_volume_ml": round(float(found.mask.data.sum()) * voxel_ml, 4),
        "lesions_added_ml": round(found.added_voxels * voxel_ml, 4),
        "wm_dice": round(result.wm_dice, 4),
        "fit": result.fit.as_dict(),
        "doubts": doubts(result.warp.matrix, result.fit),
        "filled_voxels": result.filled,
        "unlabelled_voxels": result.unlabelled,
        "folded_voxels": 0 if field is None else field.folds(),
        "affine_subject_to_atlas_ras_mm": result.warp.matrix.tolist(),
        **names_record(atlas.table.names),
        "volume_ml": {region.name: round(float(counts[region.index]) * voxel_ml, 4) for region in atlas.table},
        "inputs": {**person.inputs, "sha256": person.inputs["sha256"] | atlas.digests},
        "versions": versions(),
    }
