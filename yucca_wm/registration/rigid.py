"""Rigid registration of two scans of one head: Mattes mutual information, coarse to fine.

ITK's own gradient images are smoothed by the size of a voxel and pull the result along thick slices (by a millimetre
with slices of 3 mm); gradients are therefore taken from the interpolated image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from yucca_wm.imaging.images import LPS, Image
from yucca_wm.registration.rigid_fit import Fit
from yucca_wm.registration.rotations import angle_deg, right_angles, tilts
from yucca_wm.registration.volume import BrainRegion, brain_region, centre_of_head_mm, level, thinned, to_itk

COARSE_MM, MIDDLE_MM = 8.0, 4.0
"""Voxel sizes of the first two levels; the third uses the reference's own slices."""

TILT_DEG = 25.0
"""The wide search starts from tilts by this angle about each axis, both ways."""

KEPT = 3
"""Number of starts that go on to the second level, if there are more."""

SAMPLES = 100_000
"""Number of voxels compared on the finest level."""


LEAST_PEAK, WEAK_PEAK = 1.22, 1.3
"""`Fit.peak` of scans of two heads was at most 1.21 (two brains in MNI space), of one head at least 1.30, except for
one whose T1 had been resampled before (1.24): between the two a fit is used, but reported as weak."""

LEAST_COVERAGE = 0.6
"""A smaller share of the reference's brain within the moving scan makes a registration unreliable."""

SURFACE_MM = 70.0
"""Movements are stated at this distance from the brain's centre, about where its surface is."""


@dataclass(frozen=True)
class Rigid:
    """Result of a rigid registration.

    matrix : 4x4, reference world -> moving world, RAS mm.
    centre_mm : centre of the reference's brain [3], RAS mm.
    peak, coverage : see `Fit`, after registration.
    similarity, header_similarity : see `Fit`, after registration and with the positions from the headers.
    """

    matrix: NDArray[np.float64]
    centre_mm: NDArray[np.float64]
    peak: float
    coverage: float
    similarity: float
    header_similarity: float

    @property
    def failed(self) -> bool:
        """Whether the two do not match: different heads, or too small an overlap."""
        return not (self.peak >= LEAST_PEAK and self.coverage >= LEAST_COVERAGE)

    @property
    def weak(self) -> bool:
        """Whether the two match hardly better than different heads do."""
        return self.peak < WEAK_PEAK

    def reversed(self) -> Rigid:
        """The same result with the roles exchanged."""
        centre = self.matrix[:3, :3] @ self.centre_mm + self.matrix[:3, 3]
        return replace(self, matrix=inverse(self.matrix), centre_mm=centre)

    @property
    def turn_deg(self) -> float:
        return angle_deg(self.matrix[:3, :3])

    @property
    def moved_mm(self) -> float:
        """Root mean square movement of the brain's surface, in mm."""
        change = self.matrix[:3, :3] - np.eye(3)
        shift = change @ self.centre_mm + self.matrix[:3, 3]
        return float(np.sqrt(shift @ shift + SURFACE_MM**2 / 3 * (change**2).sum()))

    @property
    def gain(self) -> float:
        """Relative gain in similarity."""
        return self.similarity / max(self.header_similarity, 1e-12) - 1


def register(reference: Image, moving: Image) -> Rigid:
    """Register ``moving`` to ``reference``; check `Rigid.failed` before using the result.

    Starts from the positions in the headers and from aligned centres of both heads; if neither ends well, also from
    tilted and turned heads. The same input gives the same result, whatever the number of threads.
    """
    pair = Pair(reference, moving)
    found = pair.judged(pair.best_of(pair.near_starts()))
    if found.failed or found.weak:
        others = [pair.start(np.eye(3), headers=True), pair.best_of(pair.wide_starts())]
        found = max([found, *map(pair.judged, others)], key=lambda result: result.peak)
    return found


def near(reference: Image, moving: Image) -> Rigid:
    """As `register`, from the positions in the headers and from aligned centres of both heads only."""
    pair = Pair(reference, moving)
    return pair.judged(pair.best_of(pair.near_starts()))


@dataclass(frozen=True)
class Stage:
    """One stage of the search. first_mm, last_mm : optimizer steps, as movements of the corners of the head."""

    bins: int
    first_mm: float
    last_mm: float
    iterations: int


COARSE, MIDDLE, FINE = Stage(24, 4.0, 0.1, 100), Stage(32, 3.0, 0.03, 100), Stage(40, 1.0, 0.01, 60)

RELAXATION = 0.8
"""Factor by which steps shrink where the path turns; at ITK's own .5 the search stops halfway up a narrow ridge."""


class Pair:
    """Two scans, prepared once for any number of registrations.

    region : part of the reference that is compared.
    """

    def __init__(self, reference: Image, moving: Image) -> None:
        self.reference, self.moving = thinned(to_itk(reference)), thinned(to_itk(moving))
        self.levels = {mm: (level(self.reference, mm), level(self.moving, mm)) for mm in (COARSE_MM, MIDDLE_MM)}
        self.region: BrainRegion = brain_region(self.levels[COARSE_MM][0])
        self.fit = Fit(self.reference, self.moving, self.region)

    def judged(self, transform: sitk.Euler3DTransform) -> Rigid:
        """Quality of a registration by ``transform``."""
        return Rigid(
            world_matrix(transform),
            LPS[:3, :3] @ self.region.centre_mm,
            self.fit.peak(transform),
            self.fit.coverage(transform),
            self.fit.similarity(transform),
            self.fit.similarity(self.start(np.eye(3), headers=True)),
        )

    def near_starts(self) -> list[sitk.Euler3DTransform]:
        """Starts from the positions in the headers, and from aligned centres of both heads."""
        return [self.start(np.eye(3), headers=True), self.start(np.eye(3))]

    def wide_starts(self) -> list[sitk.Euler3DTransform]:
        """Starts from aligned centres, with every tilt and every turn by right angles."""
        return [self.start(rotation) for rotation in (*tilts(TILT_DEG), *right_angles()[1:])]

    def start(self, rotation: NDArray[np.float64], *, headers: bool = False) -> sitk.Euler3DTransform:
        centre = self.region.centre_mm
        transform = sitk.Euler3DTransform()
        transform.SetCenter(centre.tolist())
        transform.SetMatrix(rotation.ravel().tolist(), 1e-6)
        if not headers:
            here, there = (centre_of_head_mm(volume) for volume in self.levels[COARSE_MM])
            transform.SetTranslation((there - centre - rotation @ (here - centre)).tolist())
        return transform

    def best_of(self, starts: list[sitk.Euler3DTransform]) -> sitk.Euler3DTransform:
        """Registration from the best of ``starts``."""
        for mm, step, kept in ((COARSE_MM, COARSE, KEPT), (MIDDLE_MM, MIDDLE, 1)):
            found = [self._optimized(*self.levels[mm], start, step) for start in starts]
            found.sort(key=lambda result: result[1])
            starts = [transform for transform, _ in (found[:kept] if len(starts) > KEPT else found[:1])]
        return self._optimized(self.reference, self.moving, starts[0], FINE)[0]

    def _optimized(
        self, reference: sitk.Image, moving: sitk.Image, start: sitk.Euler3DTransform, step: Stage
    ) -> tuple[sitk.Euler3DTransform, float]:
        """Optimized transform from ``start``, and minus its mutual information.

        The search is over the change from ``start``, because Euler angles are degenerate near right angles.
        """
        change = self.start(np.eye(3), headers=True)
        mask = self.region.itk_mask(reference)
        inside = int(sitk.GetArrayViewFromImage(mask).sum())
        method = sitk.ImageRegistrationMethod()
        method.SetGlobalDefaultNumberOfThreads(1)  # the order of the sum, and so the result, must not depend on threads
        method.SetMetricAsMattesMutualInformation(step.bins)
        method.MetricUseFixedImageGradientFilterOff()
        method.MetricUseMovingImageGradientFilterOff()
        method.SetMetricFixedMask(mask)
        if inside > SAMPLES:
            method.SetMetricSamplingStrategy(method.REGULAR)
            method.SetMetricSamplingPercentage(SAMPLES / inside, 1)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetOptimizerAsRegularStepGradientDescent(step.first_mm, step.last_mm, step.iterations, RELAXATION, 1e-8)
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetMovingInitialTransform(start)
        method.SetInitialTransform(change, inPlace=True)
        try:
            method.Execute(reference, moving)
        except RuntimeError:  # the two do not overlap
            return start, np.inf
        return self._composed(start, change), method.GetMetricValue()

    def _composed(self, last: sitk.Euler3DTransform, first: sitk.Euler3DTransform) -> sitk.Euler3DTransform:
        """A single transform that applies ``first`` and then ``last``."""
        centre = self.region.centre_mm
        transform = self.start(rotation_of(last) @ rotation_of(first), headers=True)
        there = np.array(last.TransformPoint(first.TransformPoint(centre.tolist())))
        transform.SetTranslation((there - centre).tolist())
        return transform


def rotation_of(transform: sitk.Euler3DTransform) -> NDArray[np.float64]:
    """Rotation matrix of ``transform``, [3, 3]."""
    return np.array(transform.GetMatrix()).reshape(3, 3)


def inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of a 4x4 rigid matrix."""
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def world_matrix(transform: sitk.Euler3DTransform) -> NDArray[np.float64]:
    """The 4x4 matrix (RAS mm) of a rigid ITK transform: reference world -> moving world."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_of(transform)
    matrix[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
    return np.asarray(LPS @ matrix @ LPS)
