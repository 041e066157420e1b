"""Structures from which a head is painted, and the tissue classes that a network is to find in them.

In old age (`atrophied`) the lateral ventricles are wider than in label maps, and the sulci open.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.models.conventions import TISSUES
from yucca_wm.training.synthesis import degrade

AIR, CEREBRAL_WM, CORTEX, LATERAL_VENTRICLE, CEREBELLAR_WM, CEREBELLAR_CORTEX = range(6)
THALAMUS, STRIATUM, PUTAMEN, PALLIDUM, THIRD_FOURTH_VENTRICLE, BRAINSTEM = range(6, 12)
HIPPOCAMPUS_AMYGDALA, CSF, VESSEL, CHOROID_PLEXUS = range(12, 16)
FIRST_OUTSIDE = 16
"""First of the structures that surround the brain, each with a contrast of its own."""

LESIONS = (25, 57, 77)
"""FreeSurfer's labels of white-matter lesions."""

FREESURFER: dict[int, tuple[int, ...]] = {
    CEREBRAL_WM: (2, 41, *LESIONS, 251, 252, 253, 254, 255),  # age-related lesions are painted anew
    CORTEX: (3, 42),
    LATERAL_VENTRICLE: (4, 43, 5, 44, 72),
    CEREBELLAR_WM: (7, 46),
    CEREBELLAR_CORTEX: (8, 47),
    THALAMUS: (10, 49),
    STRIATUM: (11, 50, 26, 58),
    PUTAMEN: (12, 51),
    PALLIDUM: (13, 52),
    THIRD_FOURTH_VENTRICLE: (14, 15),
    BRAINSTEM: (16, 28, 60, 85),
    HIPPOCAMPUS_AMYGDALA: (17, 18, 53, 54),
    CSF: (24,),
    VESSEL: (30, 62),
    CHOROID_PLEXUS: (31, 63, 136, 137, 163, 164),
}
"""Structure -> labels in FreeSurfer and in SynthSeg's training maps (left and right merged: they look alike)."""

OUTSIDE: tuple[int, ...] = (502, 506, 507, 508, 509, 511, 512, 514, 515, 516, 530)
"""Labels outside the brain in SynthSeg's training maps: soft tissue, skin, skull, marrow, eyes, dura, ..."""

N_STRUCTURES = FIRST_OUTSIDE + len(OUTSIDE) + 1
"""Number of structures; the last one is for any other label outside the brain."""

TISSUE_OF: dict[int, str] = {
    CEREBRAL_WM: "cerebral_white_matter",
    CORTEX: "cortical_grey_matter",
    THALAMUS: "deep_grey_matter",
    STRIATUM: "deep_grey_matter",
    PUTAMEN: "deep_grey_matter",
    PALLIDUM: "deep_grey_matter",
    HIPPOCAMPUS_AMYGDALA: "deep_grey_matter",
    LATERAL_VENTRICLE: "lateral_ventricles",
    CHOROID_PLEXUS: "lateral_ventricles",
    THIRD_FOURTH_VENTRICLE: "other_csf",
    CSF: "other_csf",
    VESSEL: "other_csf",
    CEREBELLAR_WM: "cerebellum",
    CEREBELLAR_CORTEX: "cerebellum",
    BRAINSTEM: "brainstem",
}


@dataclass(frozen=True)
class Lookup:
    """Tables indexed by structure: ``tissue`` class, and whether it is ``brain`` (tissue or ventricle)."""

    tissue: NDArray[np.uint8]
    brain: NDArray[np.bool_]


def lookup() -> Lookup:
    """Tables for all structures."""
    tissue = np.zeros(N_STRUCTURES, np.uint8)
    for structure, name in TISSUE_OF.items():
        tissue[structure] = TISSUES[name]
    brain = np.zeros(N_STRUCTURES, bool)
    brain[[*TISSUE_OF]] = True
    brain[[CSF, VESSEL]] = False
    return Lookup(tissue, brain)


def structures_of(labels: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Structure of every voxel of a FreeSurfer or SynthSeg label map; unknown labels count as outside the brain."""
    table = np.full(int(labels.max()) + 1, N_STRUCTURES - 1, np.uint8)
    table[0] = AIR
    known = {label: structure for structure, found in FREESURFER.items() for label in found}
    known |= {label: FIRST_OUTSIDE + n for n, label in enumerate(OUTSIDE)}
    for label, structure in known.items():
        if label < len(table):
            table[label] = structure
    return table[labels]


WIDEST_MM = 7.0
"""Largest distance by which the ventricles grow into white matter."""


def atrophied(
    structures: NDArray[np.uint8], distance_mm: NDArray[np.float32], random: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Structures, and every voxel's distance to the lateral ventricles, of the same head in old age.

    structures, distance_mm : planes of a slab [t, x, y] of 1 mm, or a volume; both are returned as new arrays.
    """
    uneven = 1 + 0.4 * degrade.smooth_field(structures.shape[-2:], 8, random)
    reach = np.maximum(np.float32(random.uniform(0.5, WIDEST_MM)) * uneven, 0)
    widened = (structures == CEREBRAL_WM) & (distance_mm < reach)
    structures = np.where(widened, np.uint8(LATERAL_VENTRICLE), structures)
    if random.random() < 0.6:
        cross = np.zeros((3,) * structures.ndim, bool)
        cross[tuple([slice(1, 2)] * (structures.ndim - 2))] = ndimage.generate_binary_structure(2, 1)
        fluid = ndimage.binary_dilation(structures == CSF, cross)
        structures = np.where(fluid & (structures == CORTEX), np.uint8(CSF), structures)
    return structures, np.maximum(distance_mm - reach, 0)
