"""Axial planes painted as T1 and FLAIR, with their tissue and lesion classes as targets.

After SynthSeg (Billot et al., Medical Image Analysis 86, 2023) and WMH-SynthSeg (Laso et al., ISBI 2024): structures
take random intensities, lesions of real patients are put into white matter, and the effects of a scanner come last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.models.conventions import ABSENT, LARGEST, LEAST_SHARE_SHOWN, LESION, OUTSIDE_BRAIN, TISSUES
from yucca_wm.training.synthesis import degrade
from yucca_wm.training.synthesis.contrast import FLUID, Contrast, draw
from yucca_wm.training.synthesis.heads import SCANS, Head
from yucca_wm.training.synthesis.lesions import lay_lesions
from yucca_wm.training.synthesis.scans import real_channel
from yucca_wm.training.synthesis.structures import (
    CEREBRAL_WM,
    CHOROID_PLEXUS,
    CORTEX,
    LATERAL_VENTRICLE,
    N_STRUCTURES,
    atrophied,
    lookup,
)

Array = NDArray[np.float32]
FLUID_SHARE = (0.06, 0.3)
"""Share of fluid in the assumed brain. Painted scans are then scaled as real ones are: with only the few
percent of the ventricles, white matter would be half a standard deviation darker than on any real FLAIR, and lesions
one and a half brighter."""

GIVEN = (0.18, 0.3, 0.52)
"""Probabilities that T1 alone, FLAIR alone, or both are given."""

FAINT = 0.55
"""Largest contrast of patches of healthy white matter, relative to a lesion's."""

N_CLASSES = len(TISSUES)
LOOKUP = lookup()


@dataclass(frozen=True)
class Plane:
    """image : float32 [2, x, y] (T1, FLAIR; scaled like real ones, `yucca_wm.models.tissue`). label : uint8 [x, y]."""

    image: Array
    label: NDArray[np.uint8]


@dataclass(frozen=True)
class Slab:
    """Content of the thickness of a plane, arrays [thickness, x, y].

    structures : uint8. distance_mm : float32, to the lateral ventricles. lesions : bool. rim : bool, their lining.
    scans : modality -> float32 [x, y], mean of the subject's own scan over the thickness; none: it is painted.
    """

    structures: NDArray[np.uint8]
    distance_mm: Array
    lesions: NDArray[np.bool_]
    rim: NDArray[np.bool_]
    scans: Mapping[str, Array] = field(default_factory=dict)


def paint_planes(head: Head, size: tuple[int, int], random: np.random.Generator, contrasts: int = 1) -> list[Plane]:
    """Paint a plane through a head, in several contrasts.

    Parameters
    ----------
    head : Head
        On its 1 mm grid.
    size : (int, int)
        Pixels of 1 mm, left-right and back-front.
    random : numpy.random.Generator
        Determines everything that is drawn.
    contrasts : int
        Number of contrasts.

    Returns
    -------
    list of Plane
    """
    thickness = 1 if random.random() < 0.35 else int(random.integers(2, 9))
    voxels, inside = _slab(head, size, thickness, random)
    structures: NDArray[np.uint8] = np.where(inside, head.structures[voxels], np.uint8(0))
    slab = _scanned(head, voxels, inside, structures) if head.scans else _made_up(head, voxels, structures, random)
    label = _label(slab.structures, slab.lesions)
    planes = []
    for _ in range(contrasts):
        mask = _mask(slab.structures, random)
        image = _scans(head, slab, mask, random)
        planes.append(Plane(image, np.where(mask, label, 0).astype(np.uint8)))
    return planes


def _made_up(
    head: Head, voxels: tuple[NDArray[np.intp], ...], structures: NDArray[np.uint8], random: np.random.Generator
) -> Slab:
    """A slab with painted content: age, plexus, lesions, bright lining."""
    distance_mm = head.ventricle_mm(voxels)
    if random.random() < 0.4:
        structures, distance_mm = atrophied(structures, distance_mm, random)
    if random.random() < 0.5:
        structures = _with_plexus(structures, random)
    lesions = lay_lesions(head, voxels, structures, distance_mm, random)
    return Slab(structures, distance_mm, lesions, _normal_rim(structures, distance_mm, random))


def _scanned(
    head: Head, voxels: tuple[NDArray[np.intp], ...], inside: NDArray[np.bool_], structures: NDArray[np.uint8]
) -> Slab:
    """A slab of a subject's own scans and lesions. A scan that ends in the plane is left out if another goes on."""
    nothing = np.zeros(structures.shape, bool)
    cut = {name: np.where(inside, scan[voxels], np.float16(0)).astype(np.float32) for name, scan in head.scans.items()}
    brain = LOOKUP.brain[structures]
    seen = {name: np.count_nonzero(scan[brain] > 0) for name, scan in cut.items()}
    whole = {name: scan.mean(0) for name, scan in cut.items() if seen[name] >= LEAST_SHARE_SHOWN * max(seen.values())}
    lesions = nothing if head.own_lesions is None else head.own_lesions[voxels] & inside
    return Slab(structures, head.ventricle_mm(voxels), lesions, nothing, whole)


def _scans(head: Head, slab: Slab, mask: NDArray[np.bool_], random: np.random.Generator) -> Array:
    """T1 and FLAIR [2, x, y] of a slab, or only one of them."""
    size = slab.structures.shape[1:]
    given = int(random.choice(3, p=GIVEN))
    if len(slab.scans) == 1:
        given = SCANS.index(next(iter(slab.scans)))
    channels = []
    for channel, kind in enumerate(SCANS):
        if given == 1 - channel:
            channels.append(np.full(size, ABSENT, np.float32))
            continue
        if slab.scans:
            reaches = head.core_values[kind]
            values = reaches[int(random.integers(len(reaches)))]
            channels.append(_scaled(*real_channel(slab.scans[kind], values, random), mask, random))
            continue
        if random.random() < 0.12:
            kind = str(random.choice(["T2", "random"]))
        contrast = draw(kind, random)
        channels.append(_painted(contrast, slab, mask, random))
    return np.stack(channels)


def _slab(
    head: Head, size: tuple[int, int], thickness: int, random: np.random.Generator
) -> tuple[tuple[NDArray[np.intp], ...], NDArray[np.bool_]]:
    """Voxel indices [thickness, x, y] along each axis of a tilted, stretched and bent slab, and which lie inside."""
    shape = np.array(head.structures.shape)
    centre, area = head.brain
    centre = np.array([*centre[:2], np.searchsorted(area, random.random()) + random.uniform(-3, 3)])
    pitch, roll, yaw = np.radians(random.normal(0, [12, 5, 6]))
    x, y = (np.arange(n, dtype=np.float32) - (n - 1) / 2 for n in size)
    t = np.arange(thickness, dtype=np.float32) - (thickness - 1) / 2
    stretch = random.uniform(0.85, 1.15, 2)
    points = np.stack(
        np.broadcast_arrays(x[None, :, None] * stretch[0], y[None, None, :] * stretch[1], t[:, None, None])
    )
    turn = rotation(pitch, roll, yaw)
    points = np.einsum("ij,j...->i...", turn.astype(np.float32), points)
    bend = np.stack([degrade.smooth_field(size, 7, random) for _ in range(3)]) * random.uniform(0, 3.5)
    points += bend[:, None].astype(np.float32)
    centre[:2] += random.uniform(-10, 10, 2)
    index = np.rint(points + centre[:, None, None, None]).astype(np.intp)
    inside = ((index >= 0) & (index < shape[:, None, None, None])).all(0)
    index = np.clip(index, 0, (shape - 1)[:, None, None, None])
    if random.random() < 0.5:  # left and right look alike here: no class has a side
        index, inside = index[:, :, ::-1], inside[:, ::-1]
    return tuple(index), inside


def rotation(pitch: float, roll: float, yaw: float) -> NDArray[np.float64]:
    """3x3 rotation by angles in radians about the right, front and top axes."""
    (cp, sp), (cr, sr), (cy, sy) = ((np.cos(a), np.sin(a)) for a in (pitch, roll, yaw))
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_y = np.array([[cr, 0, sr], [0, 1, 0], [-sr, 0, cr]])
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def _with_plexus(structures: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Add choroid plexus to the lateral ventricles, which few label maps have but every FLAIR shows bright."""
    clumps = degrade.smooth_field(structures.shape[1:], int(random.integers(12, 24)), random)
    return np.where((structures == LATERAL_VENTRICLE) & (clumps > random.uniform(0.6, 1.6)), CHOROID_PLEXUS, structures)


def _normal_rim(structures: NDArray[np.uint8], distance_mm: Array, random: np.random.Generator) -> NDArray[np.bool_]:
    """The thin bright lining of healthy ventricles: never a lesion, however bright; not always visible."""
    if random.random() < 0.25:
        return np.zeros(structures.shape, bool)
    reach = random.uniform(0.8, 2.6) * (0.7 + 0.5 * degrade.smooth_field(structures.shape[1:], 9, random))
    return (structures == CEREBRAL_WM) & (distance_mm < reach[None])


def _label(structures: NDArray[np.uint8], lesions: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Class with the largest share of each pixel's thickness; lesion if that fills at least half."""
    tissue = np.where(lesions, LESION, LOOKUP.tissue[structures])
    if len(tissue) == 1:
        return tissue[0].astype(np.uint8)
    votes = np.stack([(tissue == c).sum(0) for c in range(N_CLASSES)])
    label = votes[:LESION].argmax(0)
    return np.where(2 * votes[LESION] >= len(tissue), LESION, label).astype(np.uint8)


def _mask(structures: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.bool_]:
    """Brain mask as the first network or a skull-stripping tool would give it: tight, wide or very wide."""
    brain = LOOKUP.brain[structures].any(0)
    brain = ndimage.binary_fill_holes(brain)
    wide = random.integers(0, 3) if random.random() < 0.3 else random.integers(3, 12)
    if wide:
        brain = ndimage.distance_transform_edt(~brain) <= wide
    return np.asarray(brain)


def _painted(contrast: Contrast, slab: Slab, mask: NDArray[np.bool_], random: np.random.Generator) -> Array:
    structures = slab.structures
    size = structures.shape[1:]
    image = contrast.mean[structures]
    grain = random.uniform(0.3, 1.0)
    image = image + grain * contrast.spread[structures] * random.standard_normal(image.shape, dtype=np.float32)
    image = image + _uneven_tissue(contrast, slab, random)
    image = np.where(slab.rim, 1 + (contrast.lesion - 1) * random.uniform(0.15, 1.0), image)
    if slab.lesions.any():
        strength = np.clip(1 + 0.3 * degrade.smooth_field(size, 10, random), 0.7, 1.5)[None]
        edge = random.uniform(0.3, 1.0)
        soft = ndimage.gaussian_filter(slab.lesions.astype(np.float32), (0, edge, edge), truncate=2.5)
        image = image + (np.minimum(soft * 1.1, 1) * strength) * (contrast.lesion - 1) * (
            structures != LATERAL_VENTRICLE
        )
    image = image.mean(0, dtype=np.float32)
    for nodes in (12, 30, 60):  # healthy tissue is not even, down to spots of a few mm
        image = image * (1 + random.uniform(0, 0.06) * degrade.smooth_field(size, nodes, random))
    if contrast.kind == "FLAIR" and random.random() < 0.35:  # inflowing cerebrospinal fluid is not suppressed
        fluid = np.isin(structures, (LATERAL_VENTRICLE, 10, 13)).mean(0)
        image = image + fluid * np.maximum(degrade.smooth_field(size, 8, random) - 0.8, 0) * random.uniform(0.2, 1.2)
    image = degrade.uneven(image, random)
    if random.random() < 0.25:  # planes far from the middle of a coil are brighter or darker as a whole
        image = image * random.uniform(0.85, 1.2)
    sigma = random.uniform(0, 1.0, 2) if random.random() < 0.8 else random.uniform(0, 1.8, 2)
    image = degrade.blurred(image, sigma)
    image = degrade.noisy(image, random)
    if random.random() < 0.25:
        image = degrade.ghosted(image, random)
    if random.random() < 0.4:
        image = _resampled(image, random.uniform(1.2, 2.3))
    return _scaled(image, *brain_statistics(contrast, random.uniform(*FLUID_SHARE)), mask, random)


def _scaled(image: Array, centre: float, scale: float, mask: NDArray[np.bool_], random: np.random.Generator) -> Array:
    """Intensities in standard deviations from the mean of the brain, both only approximately known."""
    scaled = (image - centre * random.uniform(0.95, 1.05)) / (scale * random.uniform(0.85, 1.25))
    return np.clip(np.where(mask, scaled, OUTSIDE_BRAIN), OUTSIDE_BRAIN, LARGEST).astype(np.float32)


def _uneven_tissue(contrast: Contrast, slab: Slab, random: np.random.Generator) -> Array:
    """Variation of healthy tissue from place to place: cortex brighter here than there; on FLAIR and T2, white matter
    slightly brighter towards the ventricles and in patches (tracts), without edges."""
    size = slab.structures.shape[1:]
    cortex = random.uniform(0, 0.07) * degrade.smooth_field(size, 14, random)
    added: Array = np.where(slab.structures == CORTEX, cortex[None], np.float32(0))
    if contrast.kind != "T1" and random.random() < 0.6:
        near = random.uniform(0, 0.16) * np.exp(-slab.distance_mm / np.float32(random.uniform(2, 8)))
        added = added + np.where(slab.structures == CEREBRAL_WM, near, np.float32(0)).astype(np.float32)
    if contrast.kind != "T1" and random.random() < 0.5:
        field = degrade.smooth_field(size, int(random.integers(7, 20)), random)
        patches = np.clip(field - random.uniform(0.3, 1.2), 0, 1) * random.uniform(0, FAINT) * (contrast.lesion - 1)
        added = added + np.where(slab.structures == CEREBRAL_WM, patches[None], 0).astype(np.float32)
    return added


def _resampled(image: Array, factor: float) -> Array:
    """Simulate acquisition with larger pixels and interpolation by the scanner."""
    tensor = torch.from_numpy(np.ascontiguousarray(image))[None, None]
    small = F.interpolate(tensor, scale_factor=1 / factor, mode="area")
    large: Array = F.interpolate(small, size=image.shape, mode="bilinear", align_corners=False)[0, 0].numpy()
    return large


_SOLID = np.zeros(N_STRUCTURES)
_SOLID[:13] = [0, 0.36, 0.36, 0, 0.02, 0.085, 0.012, 0.008, 0.007, 0.003, 0, 0.025, 0.012]
_SOLID /= _SOLID.sum()
"""Average share of each structure in the brain's tissue."""


def brain_statistics(contrast: Contrast, fluid: float) -> tuple[float, float]:
    """Mean and standard deviation of the intensity over the whole brain to which a plane belongs.

    fluid : share of fluid (ventricles, sulci) in the assumed brain.
    """
    shares = _SOLID * (1 - fluid)
    shares[list(FLUID)] = fluid / len(FLUID)
    centre = float(shares @ contrast.mean)
    return centre, float(np.sqrt(shares @ ((contrast.mean - centre) ** 2 + contrast.spread**2 + 0.03**2)))
