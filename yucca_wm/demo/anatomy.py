"""Brains from which subjects are simulated: real anatomy with tissue maps and region labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.atlas.maps import refine
from yucca_wm.core.errors import InputError
from yucca_wm.demo import standin
from yucca_wm.imaging.images import Image, load, load_labels

Map = NDArray[np.float32]

VENTRICLE_BOX_MM = ((3.0, 40.0), (-45.0, 60.0), (-22.0, 22.0))
"""Box in which a lateral ventricle is sought, relative to the centre of cerebral white matter: lateral, y and z."""

BRAIN_T1 = 0.05
"""T1 intensity (white matter 1) above which a voxel belongs to the head."""


@dataclass(frozen=True)
class Anatomy:
    """One brain on one grid [i, j, k].

    name : for the truth files.
    t1 : T1 intensity, white matter about 1, background 0.
    gm, wm : tissue fractions, 0..1.
    cerebral_wm : white matter that a segmentation tool would call cerebral (no cerebellum, no brainstem), 0..1.
    regions : region labels 0..36, also outside white matter.
    affine : voxel index -> world mm (RAS+).
    """

    name: str
    t1: Map
    gm: Map
    wm: Map
    cerebral_wm: Map
    regions: NDArray[np.uint8]
    affine: NDArray[np.float64]

    @property
    def spacing_mm(self) -> NDArray[np.float64]:
        return np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))

    @cached_property
    def centre_mm(self) -> NDArray[np.float64]:
        """World position (mm) of the centre of the cerebral white matter, [3]."""
        index = np.array(np.nonzero(self.cerebral_wm > 0.5)).mean(axis=1)
        return np.asarray(self.affine[:3, :3] @ index + self.affine[:3, 3])

    @cached_property
    def head(self) -> Map:
        """1 within the (skull-stripped) head, ventricles included, else 0."""
        from scipy.ndimage import binary_fill_holes

        return np.asarray(binary_fill_holes(self.t1 > BRAIN_T1), dtype=np.float32)

    @cached_property
    def ventricle_distance_mm(self) -> Map:
        """Distance of every voxel to the ventricles, in mm."""
        from scipy.ndimage import distance_transform_edt

        return np.asarray(distance_transform_edt(~self.ventricles, sampling=self.spacing_mm), dtype=np.float32)

    @cached_property
    def wm_depth_mm(self) -> Map:
        """Depth inside the cerebral white matter, in mm (0 outside)."""
        from scipy.ndimage import distance_transform_edt

        return np.asarray(distance_transform_edt(self.cerebral_wm > 0.5, sampling=self.spacing_mm), dtype=np.float32)

    @cached_property
    def ventricles(self) -> NDArray[np.bool_]:
        """The lateral ventricles: on each side the largest body of fluid within VENTRICLE_BOX_MM."""
        from scipy.ndimage import label

        index = np.indices(self.t1.shape, sparse=True)
        x, y, z = (
            sum(self.affine[axis, k] * index[k] for k in range(3)) + self.affine[axis, 3] - self.centre_mm[axis]
            for axis in range(3)
        )
        fluid = (self.head > 0) & (self.gm + self.wm < 0.5)
        found = np.zeros(fluid.shape, dtype=bool)
        for across in (x, -x):
            box = np.logical_and.reduce(
                np.broadcast_arrays(
                    *[(low < v) & (v < high) for v, (low, high) in zip((across, y, z), VENTRICLE_BOX_MM, strict=True)]
                )
            )
            parts, count = label(fluid & box)
            if count == 0:
                raise ValueError(f"{self.name}: no ventricles found")
            found |= parts == np.bincount(parts.ravel())[1:].argmax() + 1
        return found

    def prepare(self) -> None:
        """Compute the distance maps now, before the anatomy is sent to other processes."""
        _ = self.centre_mm, self.head, self.ventricle_distance_mm, self.wm_depth_mm

    def image(self, data: NDArray[Any]) -> Image:
        """``data`` on this brain's grid."""
        return Image(data, self.affine)


def icbm152(spacing_mm: int = 1) -> Anatomy:
    """The ICBM152 2009a symmetric average brain (shipped with nilearn) with the stand-in parcellation.

    Raises ImportError when nilearn is not installed. Source: Fonov et al., NeuroImage 54 (2011).
    """
    from nilearn import datasets

    t1 = datasets.load_mni152_template(resolution=spacing_mm)
    gm = _fractions(datasets.load_mni152_gm_template(resolution=spacing_mm))
    wm = _fractions(datasets.load_mni152_wm_template(resolution=spacing_mm))
    t1_data = np.maximum(np.asarray(t1.dataobj, dtype=np.float32), 0)
    affine = np.asarray(t1.affine, dtype=np.float64)
    cells = standin.cells(t1_data.shape, affine)
    return Anatomy(
        name="ICBM152",
        t1=_scaled(t1_data, wm),
        gm=gm,
        wm=wm,
        cerebral_wm=np.where(standin.is_cerebral(cells), wm, 0).astype(np.float32),
        regions=standin.labels(cells),
        affine=affine,
    )


def from_atlas(folder: str | Path) -> tuple[Anatomy, Anatomy]:
    """The two real brains of an atlas folder: JHU-MNI-SS (the atlas's own brain) and the MNI152 average.

    The folder holds ``JHU_MNI_SS_T1_brain``, ``36_labels_merged``, ``36_labels_merged_only_WM``,
    ``MNI152_T1_1mm_brain`` and ``JHU_MNI_SS_WMPM_Type-II_to_MNI_brain`` (.nii.gz). Raises InputError for a missing
    or unfit file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(folder, "is not a folder", "give the folder with 36_labels_merged.nii.gz")
    merged = load_labels(folder / "36_labels_merged.nii.gz", range(37))
    only_wm = load_labels(folder / "36_labels_merged_only_WM.nii.gz", range(37))
    jhu_t1 = load(folder / "JHU_MNI_SS_T1_brain.nii.gz")
    jhu = _from_t1("JHU-MNI-SS", jhu_t1, merged, mask=only_wm.data > 0)
    type_ii = load_labels(folder / "JHU_MNI_SS_WMPM_Type-II_to_MNI_brain.nii.gz", range(131))
    mni_t1 = load(folder / "MNI152_T1_1mm_brain.nii.gz")
    mni = _from_t1("MNI152", mni_t1, refine(type_ii), mask=None)
    return jhu, mni


def _from_t1(name: str, t1: Image, regions: Image, mask: NDArray[np.bool_] | None) -> Anatomy:
    """Tissue fractions of a skull-stripped T1 from its own three intensity classes.

    mask : the atlas's white-matter mask; by default, bright voxels with a cerebral label count as white matter.
    """
    from skimage.filters import threshold_multiotsu

    from yucca_wm.imaging.images import check_same_grid

    check_same_grid(t1, regions)
    data = np.maximum(t1.data.astype(np.float32), 0)
    low, high = (float(value) for value in threshold_multiotsu(data[data > 0], classes=3))
    width = 0.06 * high
    wm = _step(data, high, width)
    gm = _step(data, low, width) - wm
    cerebral = (regions.data > 0) & (regions.data < 35) if mask is None else mask
    return Anatomy(
        name=name,
        t1=_scaled(data, wm),
        gm=gm,
        wm=wm,
        cerebral_wm=np.where(cerebral, np.maximum(wm, 1.0 * (mask is not None)), 0).astype(np.float32),
        regions=regions.data.astype(np.uint8),
        affine=t1.affine,
    )


def _step(data: Map, threshold: float, width: float) -> Map:
    """A smooth step from 0 to 1 around ``threshold``."""
    return np.asarray(np.clip((data - threshold) / (2 * width) + 0.5, 0, 1), dtype=np.float32)


def _scaled(t1: Map, wm: Map) -> Map:
    """T1 scaled so that white matter is 1."""
    return np.asarray(t1 / np.median(t1[wm > 0.8]), dtype=np.float32)


def _fractions(image: Any) -> Map:
    return np.clip(np.asarray(image.dataobj, dtype=np.float32), 0, 1)
