"""The order of axes that Yucca's preprocessing asks for: left-right, posterior-anterior, inferior-superior.

Sagittal and coronal scans are stored in another order and stop ``yucca_preprocess``; such a volume is turned without
interpolation. Directions along the axes (RAS, LAS, LPS) are left alone: Yucca handles those.
"""

from __future__ import annotations

from dataclasses import replace

import nibabel as nib
import numpy as np
from nibabel.orientations import io_orientation

from yucca_wm.core.images import Image


def in_order(image: Image) -> bool:
    """Whether array axes 0, 1, 2 run closest to the world's x, y, z."""
    return bool((io_orientation(image.affine)[:, 0] == [0, 1, 2]).all())


def put_in_order(image: Image) -> Image:
    """The same voxels in the same places with axes in order and directions RAS; unchanged if in order already."""
    if in_order(image):
        return image
    turned = nib.Nifti1Image(image.data, image.affine, image.header).as_reoriented(io_orientation(image.affine))
    return replace(image, data=np.asarray(turned.dataobj), affine=turned.affine, header=turned.header)


def is_stated(image: Image) -> bool:
    """Whether the header says how the grid lies; without, left and right are anyone's guess."""
    header = image.header
    return header is not None and (int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0)
