"""One image brought to the voxels of another: the one test of "the same grid" for all commands."""

from __future__ import annotations

from dataclasses import replace

from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation, ornt_transform

from yucca_wm.core.errors import InputError
from yucca_wm.imaging import images
from yucca_wm.imaging.images import Image
from yucca_wm.imaging.reading import spelled


def on_grid(image: Image, like: Image, *, resample: bool = False) -> Image:
    """``image`` with its voxels in the order of ``like``'s.

    The same grid stored in another orientation (RAS, LPS, ...) is only reordered, which changes nothing. Any other
    grid raises InputError, or with ``resample`` is brought to ``like``'s by nearest neighbour.
    """
    if images.same_grid(like, image):
        return image
    ordered = reordered(image, like)
    if images.same_grid(like, ordered):
        return ordered
    if resample:
        return images.resample(image, like)
    try:
        images.check_same_grid(like, ordered)
    except InputError as error:
        remedy = f"check that both are of one subject and space, or use {spelled('--resample', 'resample=True')}"
        raise InputError(error.path, error.problem, remedy) from None
    return ordered


def reordered(image: Image, like: Image) -> Image:
    """``image`` with its axes in the order and direction of ``like``'s; every voxel keeps its place in the world."""
    change = ornt_transform(io_orientation(image.affine), io_orientation(like.affine))
    affine = image.affine @ inv_ornt_aff(change, image.shape)
    return replace(image, data=apply_orientation(image.data, change), affine=affine)
