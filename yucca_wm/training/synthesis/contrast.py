"""Intensities of structures: contrasts like T1, FLAIR and T2, and random ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yucca_wm.training.synthesis.structures import (
    AIR,
    BRAINSTEM,
    CEREBELLAR_CORTEX,
    CEREBELLAR_WM,
    CEREBRAL_WM,
    CHOROID_PLEXUS,
    CORTEX,
    CSF,
    FIRST_OUTSIDE,
    HIPPOCAMPUS_AMYGDALA,
    LATERAL_VENTRICLE,
    N_STRUCTURES,
    PALLIDUM,
    PUTAMEN,
    STRIATUM,
    THALAMUS,
    THIRD_FOURTH_VENTRICLE,
    VESSEL,
)

SKULL = FIRST_OUTSIDE + 8
MARROW = FIRST_OUTSIDE + 9
SKIN_AND_FAT = FIRST_OUTSIDE + 5
GREY = (CORTEX, CEREBELLAR_CORTEX, THALAMUS, STRIATUM, PUTAMEN, PALLIDUM, HIPPOCAMPUS_AMYGDALA)
FLUID = (LATERAL_VENTRICLE, THIRD_FOURTH_VENTRICLE, CSF)


@dataclass(frozen=True)
class Contrast:
    """Mean and standard deviation of the intensity of each structure (cerebral white matter: about 1), and of a lesion.

    kind : ``T1``, ``FLAIR``, ``T2`` or ``random``.
    """

    kind: str
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    lesion: float


def draw(kind: str, random: np.random.Generator) -> Contrast:
    """Draw a contrast of this kind."""
    u = random.uniform
    mean = np.empty(N_STRUCTURES, np.float32)
    if kind == "random":
        mean[:] = u(0.1, 1.6, N_STRUCTURES)
        mean[list(GREY)] = u(0.2, 1.6) + u(-0.12, 0.12, len(GREY))
        mean[list(FLUID)] = u(0.1, 1.8) + u(-0.05, 0.05, len(FLUID))
        mean[CEREBRAL_WM] = 1.0
        while abs(mean[CORTEX] - 1) < 0.1:
            mean[CORTEX] = u(0.2, 1.6)
        mean[CEREBELLAR_WM], mean[BRAINSTEM] = u(0.85, 1.1), u(0.8, 1.1)
        lesion = float(mean[CORTEX] + random.choice([-1, 1]) * u(0.25, 0.8))
    else:
        grey, fluid, lesion = _relative(kind, random)
        mean[:] = u(0.2, 1.5, N_STRUCTURES)
        mean[CEREBRAL_WM] = 1.0
        for structure in GREY:
            mean[structure] = grey + u(-0.05, 0.05)
        towards_white = u(0.1, 0.75, 3)  # deep nuclei lie between grey and white matter
        mean[[THALAMUS, PUTAMEN, STRIATUM]] = grey + (1 - grey) * towards_white * [1, 0.6, 0.3]
        mean[PALLIDUM] = grey + (1 - grey) * u(0.3, 1.1)
        if kind != "T1":
            mean[[PALLIDUM, PUTAMEN]] -= u(0, 0.2)  # iron
        if kind == "FLAIR":
            mean[HIPPOCAMPUS_AMYGDALA] += u(0, 0.25)  # the brightest grey matter there is
        mean[list(FLUID)] = fluid + u(-0.04, 0.04, 3)
        mean[CEREBELLAR_WM], mean[BRAINSTEM] = u(0.88, 1.08), u(0.85, 1.08)
        if kind == "FLAIR" and random.random() < 0.3:
            mean[BRAINSTEM] += u(0, 0.3)  # medulla and cord, near the coil of the neck
        mean[CHOROID_PLEXUS] = fluid + (grey - fluid) * u(0.2, 1.7)
        mean[VESSEL] = u(0.05, 1.4)
        mean[SKULL], mean[MARROW] = u(0.02, 0.35), u(0.1, 1.6)
        mean[SKIN_AND_FAT] = u(1.0, 4.5) if random.random() < 0.75 else u(0.2, 1.0)
    mean[FIRST_OUTSIDE:] *= u(0.6, 1.4)
    mean[AIR] = 0.0 if random.random() < 0.4 else u(0.0, 0.08)
    spread = (u(0.01, 0.06, N_STRUCTURES) * u(0.5, 1.5)).astype(np.float32)
    spread[FIRST_OUTSIDE:] *= 3
    spread[AIR] *= 0.3
    return Contrast(kind, np.maximum(mean, 0), spread, max(0.02, lesion))


def _relative(kind: str, random: np.random.Generator) -> tuple[float, float, float]:
    """Intensities of grey matter, fluid and lesions relative to white matter."""
    u = random.uniform
    if kind == "T1":
        grey = u(0.55, 0.88)
        return grey, u(0.12, 0.5) * grey, u(0.45, 1.0)
    if kind == "FLAIR":
        grey = u(1.0, 1.4)
        return grey, u(0.05, 0.6), max(u(1.25, 2.1), grey * u(1.08, 1.5))
    if kind == "T2":
        grey = u(1.1, 1.6)
        return grey, u(1.7, 3.5), grey * u(1.05, 1.6)
    raise ValueError(f"no contrast is called {kind}")
