"""A made-up head of ellipsoids, as a label map with its parcellation, and prepared."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.registration import itk
from yucca_wm.training.synthesis.heads import COORDINATE_STEP, Head
from yucca_wm.training.synthesis.structures import LATERAL_VENTRICLE, structures_of

SHAPE = (64, 76, 60)
AFFINE = np.array([[1.0, 0, 0, -40], [0, 1, 0, -30], [0, 0, 1, 12], [0, 0, 0, 1]])
TO_ATLAS = np.array([[1.0, 0, 0, -82], [0, 1, 0, 105], [0, 0, 1, 40], [0, 0, 0, 1]])
"""Head mm -> atlas mm; the midplane (-90 in the atlas) lies at voxel 32."""

MIDDLE = 32


def ellipsoid(radius_mm: float, squeeze: tuple[float, float, float] = (1.0, 1.2, 1.0)) -> NDArray[np.bool_]:
    index = np.indices(SHAPE) - (np.array(SHAPE) / 2)[:, None, None, None]
    scaled = index / (radius_mm * np.array(squeeze))[:, None, None, None]
    return np.asarray((scaled**2).sum(0) < 1)


def label_map() -> NDArray[np.int16]:
    """FreeSurfer's numbers, left where x is small; 516 and 514 outside of the brain."""
    labels = np.zeros(SHAPE, np.int16)
    left = np.arange(SHAPE[0])[:, None, None] < MIDDLE
    for radius, sides in (
        (30, (516, 516)),
        (27, (514, 514)),
        (24, (24, 24)),
        (22, (3, 42)),
        (18, (2, 41)),
        (6, (4, 43)),
    ):
        labels[ellipsoid(radius)] = np.broadcast_to(np.where(left, *sides), SHAPE)[ellipsoid(radius)]
    labels[ellipsoid(22) & (np.indices(SHAPE)[2] < 16)] = 16
    return labels


def region_map(brain: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Six regions a side, from back to front: 1 to 6 on the left, 18 to 23 on the right."""
    x, y, _ = np.indices(SHAPE)
    return np.where(brain, 1 + y * 6 // SHAPE[1] + 17 * (x >= MIDDLE), 0).astype(np.uint8)


@pytest.fixture(scope="session")
def head() -> Head:
    """Prepared by hand: two lesion masks, a box in the left white matter (bit 0) and one over half of the head."""
    structures = structures_of(label_map())
    x, y, z = np.indices(SHAPE)
    lesions = ((x > 17) & (x < 25) & (y > 30) & (y < 50) & (z > 25) & (z < 40)).astype(np.uint32)
    lesions |= (x > 40).astype(np.uint32) << np.uint32(1)
    ventricle = np.minimum(4 * ndimage.distance_transform_edt(structures != LATERAL_VENTRICLE), 255).astype(np.uint8)
    to_atlas = TO_ATLAS @ AFFINE
    index = np.stack(np.meshgrid(*[np.arange(0, n, COORDINATE_STEP) for n in SHAPE], indexing="ij"))
    places = np.einsum("ij,j...->i...", to_atlas[:3, :3], index) + to_atlas[:3, 3, None, None, None]
    brain = np.isin(label_map(), (2, 41, 3, 42, 4, 43, 16))
    return Head(structures, lesions, ventricle, region_map(brain), places.astype(np.float16), n_masks=2)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Folders ``labels``, ``regions`` (what parcellate leaves), ``masks``; these and the template 5, -4, 3 mm away."""
    labels = label_map()
    for folder in ("labels", "regions", "masks"):
        (tmp_path / folder).mkdir()
    brain = np.isin(labels, (2, 41, 3, 42, 4, 43, 16))
    for name in ("one", "two"):
        nib.save(nib.Nifti1Image(labels, AFFINE), tmp_path / "labels" / f"{name}.nii.gz")
        nib.save(nib.Nifti1Image(region_map(brain), AFFINE), tmp_path / "regions" / f"{name}_unmasked.nii.gz")
        itk.save_affine(TO_ATLAS, tmp_path / "regions" / f"{name}_affine.tfm")
    moved = AFFINE.copy()
    moved[:3, 3] += (5, -4, 3)
    grey = np.select([np.isin(labels, (2, 41)), np.isin(labels, (3, 42, 16)), brain], [3.0, 2.0, 1.0], 0)
    noisy = grey + (grey > 0) * np.random.default_rng(0).normal(0, 0.1, SHAPE)
    nib.save(nib.Nifti1Image(noisy.astype(np.float32), moved), tmp_path / "template.nii.gz")
    for number, box in enumerate((np.s_[18:25, 31:50, 26:40], np.s_[41:, :, :])):
        mask = np.zeros(SHAPE, np.uint8)
        mask[box] = 1
        nib.save(nib.Nifti1Image(mask, moved), tmp_path / "masks" / f"m{number}.nii.gz")
    return tmp_path
