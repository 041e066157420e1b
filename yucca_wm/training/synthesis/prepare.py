"""Prepare a subject's label map for painting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.core.errors import InputError, MissingExtraError
from yucca_wm.core.regions import regions
from yucca_wm.imaging.images import Image, check_same_grid, load, load_labels, resample
from yucca_wm.parcellate.outputs import Outputs
from yucca_wm.registration import affine as registration
from yucca_wm.registration import itk
from yucca_wm.registration.warp import Warp
from yucca_wm.scan import bring_to_one_frame
from yucca_wm.training.synthesis.heads import COORDINATE_STEP, DISTANCE_UNITS_PER_MM, LOOKUP, MAX_MASKS, Head
from yucca_wm.training.synthesis.structures import CEREBRAL_WM, CORTEX, LATERAL_VENTRICLE, LESIONS, structures_of

SPACING_TOLERANCE = 0.05
"""Largest relative deviation of a label map's voxels from 1 mm."""

MARGIN_VOXELS = 2
MASK_REACH_VOXELS = 2
"""Lesion masks are kept inside the brain and up to this far around it."""

LEAST_SEEN = 0.9
"""Smallest share of a subject's white matter that a scan must show."""

NEEDED = {
    CEREBRAL_WM: "cerebral white matter (2, 41)",
    CORTEX: "cortex (3, 42)",
    LATERAL_VENTRICLE: "ventricles (4, 43)",
}


@dataclass(frozen=True)
class LesionMasks:
    """Lesions of other subjects, all on one grid.

    bits : uint32 [x, y, z]; bit k is set inside the k-th mask. count : number of masks.
    affine : 4x4, voxel -> mm of that grid. white_matter : that of the template, in the same mm.
    """

    bits: NDArray[np.uint32]
    count: int
    affine: NDArray[np.float64]
    white_matter: Image

    @cached_property
    def from_mm(self) -> NDArray[np.float64]:
        return np.asarray(np.linalg.inv(self.affine), np.float64)


def load_masks(files: list[Path], template: Path | None = None) -> LesionMasks:
    """Read lesion masks (nonzero is lesion) that lie in one space.

    Parameters
    ----------
    files : list of Path
        One mask per file, all on one grid.
    template : Path, optional
        Brain of a T1, without skull, in that space; the brightest of three classes counts as white matter. Default:
        the ICBM152 average that comes with nilearn, for masks in MNI space.

    Returns
    -------
    LesionMasks
        The masks as bits of one array.

    Raises
    ------
    InputError
        As `yucca_wm.imaging.images.load`; no mask, more than `MAX_MASKS`, an empty one, or grids that differ.
    MissingExtraError
        There is no template, and nilearn is not installed.
    """
    if not 1 <= len(files) <= MAX_MASKS:
        raise InputError("--lesion-masks", f"holds {len(files)} masks", f"give 1 to {MAX_MASKS}")
    bits: NDArray[np.uint32] | None = None
    first: Image | None = None
    for number, file in enumerate(files):
        mask = load(file)
        first = first or mask
        check_same_grid(first, mask)
        if not mask.data.any():
            raise InputError(file, "holds no lesion", "leave it out")
        bits = np.zeros(mask.shape, np.uint32) if bits is None else bits
        bits |= (mask.data != 0).astype(np.uint32) << np.uint32(number)
    assert bits is not None
    assert first is not None
    return LesionMasks(bits, len(files), first.affine, _white_matter(template))


def _white_matter(template: Path | None) -> Image:
    """White matter of a T1 brain: the brightest of three classes."""
    from skimage.filters import threshold_multiotsu

    if template is not None:
        brain = load(template)
    else:
        try:
            from nilearn.datasets import load_mni152_template
        except ImportError as error:
            raise MissingExtraError("nilearn", "atlas") from error
        found: Any = load_mni152_template(resolution=1)
        brain = Image(np.asarray(found.dataobj, dtype=np.float32), found.affine)
    inside = brain.data[brain.data > 0]
    if np.unique(inside[:: max(1, inside.size // 1000)]).size < 3:
        raise InputError(brain.name, "is not a T1", "give a T1 of a brain without skull, in the space of the masks")
    return Image((brain.data > threshold_multiotsu(inside, 3)[-1]).astype(np.uint8), brain.affine)


def prepare_head(
    labels: Path, parcellation: Outputs, masks: LesionMasks | None = None, scans: Mapping[str, Path] | None = None
) -> Head:
    """Make a head from one label map.

    Parameters
    ----------
    labels : Path
        Map with FreeSurfer's or SynthSeg's label numbers, voxels of 1 mm, in any orientation.
    parcellation : Outputs
        Output of ``parcellate --wm-labels 2 41`` for it (better with ``--transform deformable``).
    masks : LesionMasks, optional
        Lesions to paint. Default: lesions are only made up.
    scans : mapping of str to Path, optional
        The subject's T1, FLAIR or both, in the space of ``labels``: samples are cut from them, with the lesions in
        ``labels``. Default: samples are painted.

    Returns
    -------
    Head
        Cropped to the head, with axes towards right, front and top.

    Raises
    ------
    InputError
        As `yucca_wm.imaging.images.load_labels`; voxels are not 1 mm; white matter, cortex or ventricles are
        missing; the parcellation lies on another grid or labels nothing; no lesion mask reaches the white matter; a
        scan shows another head, or cannot be registered to the other one.
    """
    image = load_labels(labels)
    if np.abs(image.spacing_mm - 1).max() > SPACING_TOLERANCE:
        shown = " x ".join(f"{n:.2g}" for n in image.spacing_mm)
        raise InputError(labels, f"has voxels of {shown} mm", "bring it to 1 mm by nearest neighbour first")
    unmasked = load_labels(parcellation.unmasked, {0, *regions().indices})
    check_same_grid(image, unmasked)
    data, affine = _canonical(image)
    structures = structures_of(data)
    for structure, name in NEEDED.items():
        if not (structures == structure).any():
            raise InputError(labels, f"has no {name}", "a label map with FreeSurfer's numbers is needed")
    kept, affine = _around(structures > 0, affine)
    structures = structures[kept]
    brain = LOOKUP.brain[structures]
    on_grid = scans_on(Image(structures, affine), structures == CEREBRAL_WM, scans) if scans else {}
    ventricle_mm = ndimage.distance_transform_edt(structures != LATERAL_VENTRICLE)
    return Head(
        structures=structures,
        lesions=_lesions(structures, affine, masks, labels) if masks else np.zeros(structures.shape, np.uint32),
        ventricle=np.minimum(ventricle_mm * DISTANCE_UNITS_PER_MM, 255).astype(np.uint8),
        regions=_regions(_canonical(unmasked)[0][kept], brain, parcellation.unmasked),
        coordinates_mm=_coordinates(structures.shape, affine, parcellation),
        n_masks=masks.count if masks else 0,
        scans=on_grid,
        own_lesions=np.isin(data[kept], LESIONS) if scans else None,
    )


def scans_on(grid: Image, white_matter: NDArray[np.bool_], scans: Mapping[str, Path]) -> dict[str, NDArray[np.float16]]:
    """A subject's scans on the grid of the label map, in units of white matter.

    Parameters
    ----------
    grid : Image
        The label map, in the space of the T1 (or of the FLAIR, if there is no T1).
    white_matter : ndarray, bool, shape (i, j, k)
        Cerebral white matter on that grid.
    scans : mapping of str to Path
        T1, FLAIR or both. The second scan is registered to the first.

    Returns
    -------
    dict of str to ndarray, float16, shape (i, j, k)
        The median of white matter is 1; outside the field of view they are 0.

    Raises
    ------
    InputError
        As `yucca_wm.scan.bring_to_one_frame`; or a scan does not show the head of the label map.
    """
    frame = bring_to_one_frame(scans, space="t1")
    found = {}
    for modality, image in frame.images.items():
        data = resample(image, grid, order=1).data.astype(np.float32)
        inside = data[white_matter]
        if (inside > 0).mean() < LEAST_SEEN:
            raise InputError(scans[modality], "does not show the white matter of the label map", "check the pair")
        found[modality] = np.clip(data / np.median(inside), 0, 60).astype(np.float16)
    return found


def _canonical(image: Image) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Data and affine with axes towards right, front and top, without interpolation."""
    found = nib.as_closest_canonical(nib.Nifti1Image(image.data, image.affine))
    return np.asarray(found.dataobj), np.asarray(found.affine, np.float64)


def _around(occupied: NDArray[np.bool_], affine: NDArray[np.float64]) -> tuple[tuple[slice, ...], NDArray[np.float64]]:
    """The box around the ``occupied`` voxels, with a margin, and the affine of that box."""
    index = np.argwhere(occupied)
    low = np.maximum(index.min(0) - MARGIN_VOXELS, 0)
    high = index.max(0) + 1 + MARGIN_VOXELS
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ low
    return tuple(slice(a, b) for a, b in zip(low, high, strict=True)), moved


def _regions(unmasked: NDArray[Any], brain: NDArray[np.bool_], where: Path) -> NDArray[np.uint8]:
    """The transferred label of every brain voxel, or the nearest one if it has none."""
    if not unmasked[brain].any():
        raise InputError(where, "labels nothing of the brain", "look at the parcellation's picture")
    nearest = ndimage.distance_transform_edt(unmasked == 0, return_distances=False, return_indices=True)
    return np.where(brain, unmasked[tuple(nearest)], 0).astype(np.uint8)


def _lesions(
    structures: NDArray[np.uint8], affine: NDArray[np.float64], masks: LesionMasks, where: Path
) -> NDArray[np.uint32]:
    """The masks on the head's grid: white matter is aligned with the template's by an affine; nearest neighbour."""
    white_matter = structures == CEREBRAL_WM
    to_template = registration.register(masks.white_matter, Image(white_matter.astype(np.uint8), affine))
    to_mask = masks.from_mm @ to_template.matrix @ affine
    points = np.argwhere(ndimage.binary_dilation(LOOKUP.brain[structures], iterations=MASK_REACH_VOXELS))
    nearest = np.rint(points @ to_mask[:3, :3].T + to_mask[:3, 3]).astype(int)
    known = ((nearest >= 0) & (nearest < masks.bits.shape)).all(1)
    found = np.zeros(structures.shape, np.uint32)
    found[tuple(points[known].T)] = masks.bits[tuple(nearest[known].T)]
    if not found[white_matter].any():
        raise InputError(where, "is reached by no lesion mask", "check that --template lies in the space of the masks")
    return found


def _coordinates(shape: tuple[int, ...], affine: NDArray[np.float64], parcellation: Outputs) -> NDArray[np.float16]:
    """Position in the atlas of every `COORDINATE_STEP`-th voxel, mm [3, x, y, z]."""
    field = itk.load_field(parcellation.field) if parcellation.field.is_file() else None
    warp = Warp(itk.load_affine(parcellation.affine), field)
    axes = [np.arange(0, n, COORDINATE_STEP) for n in shape]
    index = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)
    found = warp.points_mm(affine[:3, :3] @ index + affine[:3, 3:])
    return found.reshape(3, *map(len, axes)).astype(np.float16)
