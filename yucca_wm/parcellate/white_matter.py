"""A subject's white matter: from a label map, mask, probability map or tissue map, or found by the package's models."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import regions
from yucca_wm.core.tissue import Tissue
from yucca_wm.imaging.grids import on_grid
from yucca_wm.imaging.images import Image, check_same_grid, load, load_labels
from yucca_wm.imaging.labels import OTHER_PATHOLOGY
from yucca_wm.imaging.reading import note, spelled
from yucca_wm.parcellate.settings import FASTAID_WM, NONZERO, Settings, Sides
from yucca_wm.scan.check import check_one
from yucca_wm.scan.cut import cut_off

RIGHT_LEFT = {(44, 45): "FAST-AID", (41, 2): "FreeSurfer"}
"""(right, left) labels of cerebral white matter -> tool that writes them."""

SCALES = {100: "percent", 1000: "permille"}
"""Largest value of a probability map that is not scaled to 0..1; up to a tenth less is accepted."""

OVERSHOOT = 0.05
"""Resampling takes probabilities this far below 0 and above 1; they are clipped."""

MIN_SURE = 0.75
"""Smallest median, relative to the largest value, of a percent or permille map's values above one half: most white
matter is nearly certain. In a scan that happens to reach 1000, bright voxels lie not far above one half."""

MIN_ALIKE = 0.6
"""Share of voxels with FAST-AID's white-matter labels that have a neighbour with the same label: nearly all in a label
map, few in a probability map, whose values change gradually."""

MANY_LABELS = 30
"""A map with at least this many labels, all of them in the built-in table, is a region map: all of it is taken."""


@dataclass(frozen=True)
class WhiteMatter:
    """A white-matter mask.

    mask : uint8, 0 or 1.
    source : how it was found, in words.
    right, left : voxel indices [3] of the centres of the two sides, if the map distinguishes them.
    added_voxels : number of lesion voxels that were not white matter before (`add_lesions`).
    """

    mask: Image
    source: str
    right: NDArray[np.float64] | None = None
    left: NDArray[np.float64] | None = None
    added_voxels: int = 0


def white_matter(path: str | os.PathLike[str] | Image, settings: Settings) -> WhiteMatter:
    """White matter from a file or an image already read; the kind of map is recognised by its values.

    Whole numbers with one value besides 0: a mask. Several values: a label map (``settings.wm_labels``, by default
    FAST-AID's 44 and 45). Fractions: a probability map (``settings.threshold``), up to 1, 100 or 1000. Whole numbers up
    to 100 or 1000 that change gradually as probabilities do are one too, unless labels are given.

    Raises InputError as `yucca_wm.imaging.images.load`; for fractions outside 0..1, an absent label, no white matter.
    """
    image = load(path)
    if image.data.dtype.kind == "f" and (image.data != np.rint(image.data)).any():
        return _from_probabilities(image, settings.threshold)
    if int(image.data.min()) < 0:
        raise InputError(image.name, f"holds the negative label {int(image.data.min())}", "give a label map or a mask")
    if settings.wm_labels is None and _runs_like_probabilities(image.data):
        return _from_probabilities(image, settings.threshold)
    return _from_labels(image, settings)


def _from_probabilities(image: Image, threshold: float) -> WhiteMatter:
    low, high = float(image.data.min()), float(image.data.max())
    scale = next((top for top in SCALES if 0.9 * top <= high <= (1 + OVERSHOOT) * top), 1)
    unsure = scale != 1 and np.median(image.data[image.data >= scale / 2]) < MIN_SURE * scale
    if low < -OVERSHOOT * scale or high > (1 + OVERSHOOT) * scale or unsure:
        problem = f"holds values from {low:.3g} to {high:.3g}: neither whole-number labels nor probabilities 0..1"
        raise InputError(image.name, problem, "give a label map, a mask or a probability map")
    mask = image.data >= threshold * scale
    if not mask.any():
        problem = f"holds no white matter: no probability reaches {threshold:g}"
        raise InputError(image.name, problem, f"lower {spelled('--threshold', 'threshold')}")
    source = f"probability of at least {threshold:g}"
    if scale != 1:
        source += f", read as {SCALES[scale]}"
    if low < 0 or high > scale:
        source += f", clipped from {low:.3g}..{high:.3g} to 0..{scale}"
    return _mask(image, mask, source)


def _runs_like_probabilities(data: NDArray[np.generic]) -> bool:
    """Whether whole numbers up to about 100 or 1000 are probabilities; FAST-AID's labels may be among them."""
    high = int(data.max())
    if not any(0.9 * top <= high <= top for top in SCALES):
        return False
    white = np.isin(data, FASTAID_WM)
    if not white.any():
        return False
    alike = np.zeros(data.shape, bool)
    for axis in range(data.ndim):
        step = np.moveaxis(white, axis, 0)[1:] & (np.diff(np.moveaxis(data.astype(np.int32), axis, 0), axis=0) == 0)
        moved = np.moveaxis(alike, axis, 0)
        moved[1:] |= step
        moved[:-1] |= step
    return bool(alike[white].mean() < MIN_ALIKE)


def _from_labels(image: Image, settings: Settings) -> WhiteMatter:
    present = [int(value) for value in np.unique(image.data[image.data != 0])]
    if not present:
        raise InputError(image.name, "holds no white matter: every voxel is 0")
    chosen = settings.wm_labels
    if chosen == NONZERO:
        return _mask(image, image.data != 0, "every nonzero voxel")
    if chosen is None and len(present) == 1 and present[0] not in FASTAID_WM:
        return _mask(image, image.data != 0, "mask")
    if chosen is None and len(present) >= MANY_LABELS and set(present) <= set(regions().indices):
        return _mask(image, image.data != 0, "every voxel of a map of white-matter regions")
    labels = FASTAID_WM if chosen is None else tuple(int(label) for label in chosen)
    if absent := sorted(set(labels) - set(present)):
        raise InputError(image.name, _absence(labels, absent), _which_labels(present))
    right, left = _side_centres(image, labels, settings.sides)
    return _mask(image, np.isin(image.data, labels), f"labels {' '.join(map(str, labels))}", right, left)


def _absence(labels: tuple[int, ...], absent: list[int]) -> str:
    plural = "s" * (len(absent) > 1)
    problem = f"lacks white-matter label{plural} {' and '.join(map(str, absent))} (of {' '.join(map(str, labels))})"
    return problem + (": one side is missing" if len(labels) == 2 and len(absent) == 1 else "")


def _which_labels(present: list[int]) -> str:
    if {2, 41} <= set(present):
        return f"labels 2 and 41 suggest FreeSurfer or SynthSeg: add {spelled('--wm-labels 2 41', 'wm_labels=[2, 41]')}"
    shown = " ".join(map(str, present[:8])) + (" ..." if len(present) > 8 else "")
    some, every = spelled("--wm-labels", "wm_labels"), spelled(f"--wm-labels {NONZERO}", f'wm_labels="{NONZERO}"')
    return f"name its white matter with {some} (it holds {shown}), or say {every}"


def _side_centres(
    image: Image, labels: tuple[int, ...], sides: Sides
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    known = next((pair for pair in RIGHT_LEFT if set(pair) <= set(labels)), None)
    if known is None or sides is Sides.IGNORE:
        return None, None
    right, left = (np.mean(np.nonzero(image.data == label), axis=1) for label in known)
    return (left, right) if sides is Sides.SWAPPED else (right, left)


def add_lesions(wm: WhiteMatter, path: str | os.PathLike[str] | Image) -> WhiteMatter:
    """Add the voxels of a white-matter lesion map to ``wm``: a segmentation made from a T1 has holes there.

    path : mask on the same grid (a file, or an image already read), or labels 1 lesion and 2 other pathology, which
        is not added.

    Raises InputError as `yucca_wm.imaging.images.load_labels`, and for another grid or several other labels.
    """
    lesions = on_grid(load_labels(path), wm.mask)
    present = [int(value) for value in np.unique(lesions.data[lesions.data != 0])]
    if len(present) > 1 and present != [1, 2]:
        shown = " ".join(map(str, present[:8]))
        problem = f"holds the labels {shown}: which of them is lesion?"
        raise InputError(lesions.name, problem, "give a mask, or lesions as 1")
    if present == [OTHER_PATHOLOGY]:
        note(f"{lesions.name}: label {OTHER_PATHOLOGY} alone is other pathology, which is not added to white matter")
    lesion = (lesions.data != 0) & (lesions.data != OTHER_PATHOLOGY)
    mask = wm.mask.data | lesion
    added = int(mask.sum()) - int(wm.mask.data.sum())
    filled = replace(wm.mask, data=mask.astype(np.uint8))
    return replace(wm, mask=filled, source=f"{wm.source}, and lesions", added_voxels=added)


def check_sides(wm: WhiteMatter, to_world: NDArray[np.float64]) -> None:
    """Raise InputError if the map's right side lies left of its left side.

    to_world : 4x4, voxel index -> a frame whose x grows to the right (the subject's or the atlas's world).
    """
    if wm.right is None or wm.left is None:
        return
    if float(to_world[0, :3] @ (wm.right - wm.left)) <= 0:
        problem = "labels as right what its header places on the left: they disagree about left and right"
        swapped = spelled("--sides swapped", 'sides="swapped"')
        raise InputError(
            wm.mask.name, problem, f"repair the header, or give {swapped} if it is the labels that are wrong"
        )


def _mask(
    image: Image,
    mask: NDArray[np.bool_],
    source: str,
    right: NDArray[np.float64] | None = None,
    left: NDArray[np.float64] | None = None,
) -> WhiteMatter:
    return WhiteMatter(replace(image, data=mask.astype(np.uint8)), source, right, left)


def segmented(scan: Image) -> tuple[Image, Image]:
    """Tissue map (labels of `Tissue`, 0 outside) and region map of the subject on ``scan``, an unprocessed T1.

    Notes on the scan, and if the brain is cut off (`yucca_wm.imaging.reading.note`).

    Raises InputError as `yucca_wm.scan.check.check_one`, and if no whole brain is found.
    """
    from yucca_wm.models.segment import segment
    from yucca_wm.models.shipped import networks

    seen, said = check_one(scan)
    found = segment(networks("cpu"), {"T1": seen})
    note(*(f"{scan.name}: {line}" for line in (*said, *cut_off({"T1": seen}, found.tissue, found.lesions))))
    tissue = np.where(found.lesions > 0, np.uint8(Tissue.CEREBRAL_WHITE_MATTER), found.tissue)
    return scan.with_data(tissue), scan.with_data(found.regions)


def white_matter_of(tissue: Image, scan: Image) -> WhiteMatter:
    """Cerebral white matter of a tissue map on the grid of ``scan``.

    Raises InputError for a tissue map on another grid, with other labels or without white matter.
    """
    check_tissue(tissue)
    check_same_grid(scan, tissue)
    mask = tissue.data == Tissue.CEREBRAL_WHITE_MATTER
    if not mask.any():
        raise InputError(tissue.name, f"holds no cerebral white matter (label {Tissue.CEREBRAL_WHITE_MATTER:d})")
    found = Image(mask.astype(np.uint8), tissue.affine, tissue.path or scan.path, scan.header)
    return WhiteMatter(found, "cerebral white matter of the tissue map")


def check_tissue(tissue: Image) -> None:
    """Raise InputError for values that are not labels of `Tissue`."""
    strange = sorted(set(np.unique(tissue.data).tolist()) - {0, *map(int, Tissue)})
    if strange:
        shown = ", ".join(f"{value:g}" for value in strange[:5])
        raise InputError(tissue.name, f"holds {shown}: no tissue map", f"its labels are 0 to {max(Tissue):d}")
