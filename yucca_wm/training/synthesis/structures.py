"""What a head is painted from: structures, and the tissue classes that a network is to find in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

AIR, CEREBRAL_WM, CORTEX, LATERAL_VENTRICLE, CEREBELLAR_WM, CEREBELLAR_CORTEX = range(6)
THALAMUS, STRIATUM, PUTAMEN, PALLIDUM, THIRD_FOURTH_VENTRICLE, BRAINSTEM = range(6, 12)
HIPPOCAMPUS_AMYGDALA, CSF, VESSEL, CHOROID_PLEXUS = range(12, 16)
FIRST_OUTSIDE = 16
"""From here on: what surrounds the brain, each part with a contrast of its own."""

TISSUES = {
    "background": 0,
    "cerebral_white_matter": 1,
    "cortical_grey_matter": 2,
    "deep_grey_matter": 3,
    "lateral_ventricles": 4,
    "other_csf": 5,
    "cerebellum": 6,
    "brainstem": 7,
    "lesion": 8,
}
"""Classes of the tissue and lesion network."""

FREESURFER: dict[int, tuple[int, ...]] = {
    CEREBRAL_WM: (2, 41, 25, 57, 77, 251, 252, 253, 254, 255),  # 25, 57, 77: lesions of old age, painted anew
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
"""Structure -> labels of FreeSurfer and of SynthSeg's training maps (left and right as one: they look alike)."""

OUTSIDE: tuple[int, ...] = (502, 506, 507, 508, 509, 511, 512, 514, 515, 516, 530)
"""Labels outside the brain in SynthSeg's training maps: soft tissue, skin, skull, marrow, eyes, dura, ..."""

N_STRUCTURES = FIRST_OUTSIDE + len(OUTSIDE) + 1
"""The last one is for any other label outside the brain."""

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
    """The tables for all structures."""
    tissue = np.zeros(N_STRUCTURES, np.uint8)
    for structure, name in TISSUE_OF.items():
        tissue[structure] = TISSUES[name]
    brain = np.zeros(N_STRUCTURES, bool)
    brain[[*TISSUE_OF]] = True
    brain[[CSF, VESSEL]] = False
    return Lookup(tissue, brain)


def structures_of(labels: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Structure of every voxel of a FreeSurfer or SynthSeg label map; unknown labels lie outside the brain."""
    table = np.full(int(labels.max()) + 1, N_STRUCTURES - 1, np.uint8)
    table[0] = AIR
    known = {label: structure for structure, found in FREESURFER.items() for label in found}
    known |= {label: FIRST_OUTSIDE + n for n, label in enumerate(OUTSIDE)}
    for label, structure in known.items():
        if label < len(table):
            table[label] = structure
    return table[labels]
