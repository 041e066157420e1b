"""The grid on which a subject's images are written: one for T1 and FLAIR, with its axes in Yucca's order.

A T1 and a FLAIR that are not aligned are brought to the FLAIR's grid, as in `yucca_wm.predict`.

Yucca's preprocessing expects axes in the order left-right, posterior-anterior, inferior-superior. Sagittal and coronal
scans are stored in another order and stop ``yucca_preprocess``; such a volume is reordered without interpolation.
Directions along the axes (RAS, LAS, LPS) are left alone: Yucca handles those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import nibabel as nib
import numpy as np
from nibabel.orientations import io_orientation

from yucca_wm.core.errors import InputError
from yucca_wm.core.modality import Modality
from yucca_wm.imaging.grids import reordered
from yucca_wm.imaging.images import Image, check_same_grid, same_grid
from yucca_wm.imaging.reading import note


def registered(
    subject: str, images: Mapping[Modality, Image], label: Image | None
) -> tuple[dict[Modality, Image], Image | None]:
    """T1 and FLAIR on the grid of the FLAIR, and the label map there too.

    images : as read from their files. label : on the grid of one of them, in any order of axes; a label map on the
        FLAIR's grid is kept as it is, one on the T1's is resampled by nearest neighbour, once.

    Notes how far the T1 was moved (`yucca_wm.imaging.reading.note`).

    Raises InputError as `bring_to_one_frame`, and for a label map on a grid of its own.
    """
    scans = {str(modality): image.path for modality, image in images.items() if image.path is not None}
    from yucca_wm.scan import bring_to_one_frame, carry_labels

    frame = bring_to_one_frame(scans)
    note(*(f"{subject}: {line}" for line in frame.notes))
    reference = frame.images[frame.reference]
    placed = {modality: _as_read(images[modality], frame.images[modality]) for modality in images}
    if label is None:
        return placed, None
    on_reference = reordered(label, reference)
    if same_grid(reference, on_reference):
        if any(same_grid(reference, reordered(images[Modality(moved)], reference)) for moved in frame.transforms):
            note(f"{subject}: {label.name} is taken to be drawn on the {frame.reference}")
        return placed, on_reference
    for modality, image in images.items():
        if same_grid(image, reordered(label, image)):
            matrix = frame.transforms.get(modality, np.eye(4))
            return placed, carry_labels(label, matrix, reference)
    try:
        check_same_grid(reference, on_reference)
    except InputError as error:
        remedy = "draw it on the T1 or the FLAIR, or resample it to one of them"
        raise InputError(error.path, error.problem, remedy) from None
    return placed, on_reference


def _as_read(image: Image, placed: Image) -> Image:
    """``placed`` as an image without a file, unless it equals the content of the file of ``image``."""
    if same_grid(image, placed) and np.array_equal(image.data, placed.data):
        return image
    return replace(placed, path=None)


def in_order(image: Image) -> bool:
    """Whether array axes 0, 1, 2 run closest to world x, y, z."""
    return bool((io_orientation(image.affine)[:, 0] == [0, 1, 2]).all())


def put_in_order(image: Image) -> Image:
    """The same voxels at the same world positions, axes in order and directions RAS; unchanged if already in order."""
    if in_order(image):
        return image
    turned = nib.Nifti1Image(image.data, image.affine, image.header).as_reoriented(io_orientation(image.affine))
    return replace(image, data=np.asarray(turned.dataobj), affine=turned.affine, header=turned.header)
