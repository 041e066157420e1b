"""One scan on the grid of another: turned without interpolation where that is all it takes, else resampled once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.images import Image, same_grid


def turned_onto(image: Image, like: Image) -> Image | None:
    """``image`` with its axes reordered and reversed as in ``like``, every value as it is.

    None where its voxels then do not lie where those of ``like`` do, within `images.GRID_TOLERANCE_MM`.
    """
    to_image = np.linalg.inv(image.affine) @ like.affine
    order = np.abs(to_image[:3, :3]).argmax(axis=0)  # axis of image that runs along each axis of like
    if sorted(order) != [0, 1, 2]:
        return None
    data, affine = image.data.transpose(order), image.affine.copy()
    affine[:3, :3] = affine[:3, order]
    for axis in range(3):
        if to_image[order[axis], axis] < 0:
            data = np.flip(data, axis)
            affine[:3, 3] += affine[:3, axis] * (data.shape[axis] - 1)
            affine[:3, axis] *= -1
    if not same_grid(replace(image, data=data, affine=affine), like):
        return None
    return replace(image, data=np.ascontiguousarray(data), affine=like.affine)


def resampled(image: Image, to_image: NDArray[np.float64], like: Image, *, order: int) -> Image:
    """``image`` on the grid of ``like``; outside of it lies 0 in a label map, a scan's smallest value in a scan.

    to_image : 4x4, world of ``like`` -> world of ``image``, mm.
    order : 0 nearest neighbour, for label maps, in the type of ``image``; 1 linear, for scans, float32.
    """
    from scipy.ndimage import affine_transform

    matrix = np.linalg.inv(image.affine) @ to_image @ like.affine
    data = affine_transform(
        image.data if order == 0 else image.data.astype(np.float32),
        matrix[:3, :3],
        matrix[:3, 3],
        output_shape=like.shape,
        order=order,
        mode="constant",
        cval=0.0 if order == 0 else float(image.data.min()),
    )
    return replace(image, data=data, affine=like.affine)
